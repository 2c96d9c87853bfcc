//go:build unix

package kernel

import "golang.org/x/sys/unix"

// version returns the kernel's release and the machine that it is for, as uname(1) does.
func version() (release, machine string, err error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "", "", err
	}
	return unix.ByteSliceToString(u.Release[:]), unix.ByteSliceToString(u.Machine[:]), nil
}
