package shim

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// confine gives up the rights that the task does not have. All of it is about this
// thread only.
func confine(u *User, iso *Isolation) error {
	if iso != nil {
		if err := dropBounds(iso.Caps); err != nil {
			return failed("give up capabilities", err)
		}
	}
	if err := become(u, iso != nil); err != nil {
		return failed("become the user", err)
	}
	if iso != nil {
		if err := takeCaps(iso.Caps, u != nil && u.UID != 0); err != nil {
			return failed("take the capabilities", err)
		}
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return failed("give up new rights", err)
		}
	}
	// A change of rights has undone what the shim had set.
	if err := dieWithShim(); err != nil {
		return err
	}
	if iso == nil || len(iso.Filter) == 0 {
		return nil
	}
	return failed("filter system calls", filter(iso.Filter))
}

func dropBounds(keep uint64) error {
	for c := range uintptr(64) {
		if keep&(1<<c) != 0 {
			continue
		}
		err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		if errors.Is(err, unix.EINVAL) {
			return nil // the last capability that there is was the one before
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func become(u *User, keepCaps bool) error {
	if u == nil {
		return nil
	}
	if keepCaps {
		if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0); err != nil {
			return err
		}
	}
	var groups unsafe.Pointer
	if len(u.Groups) > 0 {
		groups = unsafe.Pointer(&u.Groups[0])
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(u.Groups)), uintptr(groups), 0); errno != 0 {
		return errno
	}
	gid, uid := uintptr(u.GID), uintptr(u.UID)
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, gid, gid, gid); errno != 0 {
		return errno
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, uid, uid, uid); errno != 0 {
		return errno
	}
	return nil
}

// takeCaps makes the capabilities those that the program has; without ambient it has
// them because it is root's.
func takeCaps(caps uint64, ambient bool) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	low, high := uint32(caps), uint32(caps>>32)
	data := [2]unix.CapUserData{{Effective: low, Permitted: low}, {Effective: high, Permitted: high}}
	if ambient {
		data[0].Inheritable, data[1].Inheritable = low, high
	}
	if err := unix.Capset(&header, &data[0]); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return err
	}
	for c := range uintptr(64) {
		if !ambient || caps&(1<<c) == 0 {
			continue
		}
		if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, c, 0, 0); err != nil {
			return err
		}
	}
	return nil
}

// filter has the kernel run every system call of this thread, and of what it becomes,
// through a program.
func filter(program []byte) error {
	const size = int(unsafe.Sizeof(unix.SockFilter{}))
	if len(program)%size != 0 {
		return errSpec
	}
	f := unix.SockFprog{Len: uint16(len(program) / size), Filter: (*unix.SockFilter)(unsafe.Pointer(&program[0]))}
	_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&f)))
	if errno != 0 {
		return errno
	}
	return nil
}
