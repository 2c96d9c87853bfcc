package kernel

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/windows"
)

// version returns the version of Windows and the machine that it is for.
func version() (release, machine string, err error) {
	v := windows.RtlGetVersion()
	return fmt.Sprintf("%d.%d.%d", v.MajorVersion, v.MinorVersion, v.BuildNumber), runtime.GOARCH, nil
}
