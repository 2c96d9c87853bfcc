package raft

import "golang.org/x/sys/windows"

// available returns how many bytes can be written to the volume of a folder.
func available(dir string) (int64, error) {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, err
	}
	var free uint64
	err = windows.GetDiskFreeSpaceEx(name, &free, nil, nil)
	return int64(free), err
}
