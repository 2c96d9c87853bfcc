package disk

import (
	"fmt"

	"golang.org/x/sys/windows"
)

// Of returns the usage of the volume that a file or folder is on.
func Of(path string) (Usage, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return Usage{}, fmt.Errorf("size of the volume of %s: %w", path, err)
	}
	var available, size, free uint64
	if err := windows.GetDiskFreeSpaceEx(name, &available, &size, &free); err != nil {
		return Usage{}, fmt.Errorf("size of the volume of %s: %w", path, err)
	}
	return Usage{Size: size, Used: size - free, Available: available}, nil
}
