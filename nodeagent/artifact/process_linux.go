package artifact

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// user returns who the process runs as: nobody, if the agent may choose and nobody can
// get to the directory; nil: the agent's own user.
func (f *Fetcher) user(dir string) *Owner {
	if os.Geteuid() != 0 || f.o.Open {
		return nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return nil
	}
	uid, err := strconv.Atoi(nobody.Uid)
	if err != nil {
		return nil
	}
	gid, err := strconv.Atoi(nobody.Gid)
	if err != nil {
		return nil
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil || info.Mode()&0o001 == 0 {
			return nil
		}
	}
	return &Owner{UID: uid, GID: gid}
}

// isolate makes the process one of its own group, all of which is killed when it is
// cancelled.
func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
}

// endWithAgent kills the process's group when the agent has gone.
func endWithAgent(alive io.Reader) {
	if _, err := io.Copy(io.Discard, alive); err == nil {
		_ = unix.Kill(0, unix.SIGKILL) // this process, too
	}
}

// selfExe is this program, for whoever can't get to its path.
const selfExe = "/proc/self/exe"

// becomeConfined starts this program again in place of this process, confined, as who it
// is to be. It returns only if that fails.
func becomeConfined(b *brief) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	runtime.LockOSThread() // what follows is about this thread
	if err := confine(self, b); err != nil {
		return err
	}
	if b.User != nil {
		if err := become(*b.User); err != nil {
			return err
		}
	}
	if _, err := unix.FcntlInt(ordersFD, unix.F_SETFD, 0); err != nil { // it outlives the exec
		return err
	}
	return os.NewSyscallError("exec", unix.Exec(selfExe, os.Args, append(os.Environ(), confinedEnv+"=1")))
}

// become makes this thread somebody else, with no groups but his own.
func become(who Owner) error {
	uid, gid := uintptr(who.UID), uintptr(who.GID)
	for _, call := range [][4]uintptr{{unix.SYS_SETGROUPS, 0, 0, 0}, {unix.SYS_SETRESGID, gid, gid, gid}, {unix.SYS_SETRESUID, uid, uid, uid}} {
		if _, _, errno := unix.RawSyscall(call[0], call[1], call[2], call[3]); errno != 0 {
			return fmt.Errorf("become user %d: %w", who.UID, errno)
		}
	}
	return nil
}
