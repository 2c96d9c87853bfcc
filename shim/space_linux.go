package shim

import (
	"errors"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// space is where a stage finds the namespaces that it is to enter: it is given a
// process that is in them, as StageSpaceFD. What it is to be born in, the namespace of
// process IDs, this thread's children are born in already.
type space struct {
	fd   int // -1: there is none, the stage makes its own
	home int // the namespace of process IDs that this process is in; -1: nothing was entered
}

// enterSpace prepares the namespaces of what is started next: those of the task beside
// which it is to run, or new ones, which a keeper keeps.
func (s *supervisor) enterSpace() (space, error) {
	none := space{fd: -1, home: -1}
	iso := s.spec.Isolation
	var err error
	where := none
	switch {
	case iso == nil || iso.HostPID && s.spec.Beside == nil:
		return none, nil
	case s.spec.Beside != nil:
		where.fd, err = openMember(*s.spec.Beside)
	default:
		if s.keeper, err = startKeeper(spaceFlags(iso) | unix.CLONE_NEWPID); err == nil {
			where.fd, err = unix.PidfdOpen(s.keeper, 0)
		}
	}
	if err != nil || iso.HostPID {
		return where, failed("make namespaces", err)
	}
	if where.home, err = unix.Open("/proc/self/ns/pid", unix.O_RDONLY|unix.O_CLOEXEC, 0); err == nil {
		err = unix.Setns(where.fd, unix.CLONE_NEWPID)
	}
	return where, failed("enter namespaces", err)
}

// leave lets children of this thread be born where this process is.
func (s space) leave() {
	if s.home >= 0 {
		if err := unix.Setns(s.home, unix.CLONE_NEWPID); err != nil {
			complain("leave namespaces", err)
		}
		_ = unix.Close(s.home) // nothing was written to it
	}
	if s.fd >= 0 {
		_ = unix.Close(s.fd)
	}
}

// spaceFlags are the namespaces that a task has of its own, without that of process IDs.
func spaceFlags(iso *Isolation) uintptr {
	flags := uintptr(unix.CLONE_NEWNS | unix.CLONE_NEWUTS)
	if !iso.HostIPC {
		flags |= unix.CLONE_NEWIPC
	}
	return flags
}

// openMember opens the process, unless it has ended.
func openMember(m Member) (int, error) {
	fd, err := unix.PidfdOpen(m.PID, 0)
	if err != nil {
		return -1, err
	}
	if p, err := Lookup(m.PID); err != nil || p.Start != m.Start {
		return -1, errors.Join(errors.New("the task has ended"), unix.Close(fd))
	}
	return fd, nil
}

// startKeeper starts the process that keeps the namespaces of a task for as long as the
// task lives, in new ones. It is process 1 in there: the kernel gives it what has lost
// its parent, and kills everything in there when it ends, as it does with this process.
// It has no program of its own, which would take memory, but is a copy of this process
// that only waits.
func startKeeper(flags uintptr) (int, error) {
	all := unix.Sigset_t{}
	for i := range all.Val {
		all.Val[i] = ^uint64(0)
	}
	if err := setMask(&all); err != nil {
		return 0, err
	}
	pid, errno := cloneKeeper(flags | uintptr(unix.SIGCHLD))
	if err := setMask(&unix.Sigset_t{}); err != nil {
		return 0, err
	}
	if errno != 0 {
		return 0, errno
	}
	return int(pid), nil
}

// ignoreAction is a struct sigaction of the kernel, with SIG_IGN.
var ignoreAction = [4]uint64{1}

// cloneKeeper returns in the parent only. In the child there is one thread of the Go
// runtime, with all signals blocked: it can do system calls and nothing else.
//
//go:norace
//go:nosplit
//go:noinline
func cloneKeeper(flags uintptr) (uintptr, syscall.Errno) {
	pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, flags, 0, 0, 0, 0, 0)
	if errno != 0 || pid != 0 {
		return pid, errno
	}
	const maskBytes = 8
	_, _, _ = syscall.RawSyscall6(unix.SYS_CLOSE_RANGE, 0, 1<<32-1, 0, 0, 0, 0)
	_, _, _ = syscall.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0, 0)
	_, _, _ = syscall.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 0, 0, 0, 0, 0)
	// Children whose end is ignored need nobody to wait for them.
	_, _, _ = syscall.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGCHLD), uintptr(unsafe.Pointer(&ignoreAction)), 0, maskBytes, 0, 0)
	for {
		_, _, _ = syscall.RawSyscall6(unix.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
	}
}
