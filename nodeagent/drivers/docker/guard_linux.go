package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/droverhq/drover/shim"
)

// guard is a process that kills those with a mark in their environment as soon as it is
// let go, or this process ends.
type guard struct {
	cmd  *exec.Cmd
	hold io.Closer
	once sync.Once
}

func startGuard(shimPath, mark string) (*guard, error) {
	program, err := shim.Program(shimPath)
	if err != nil {
		return nil, err
	}
	cmd := &exec.Cmd{
		Path: program, Args: []string{shim.Name, shim.GuardArg, mark}, Env: shim.Environ(), Dir: "/",
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	hold, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("start %s to look after a command: %w", shim.Name, err)
	}
	return &guard{cmd: cmd, hold: hold}, nil
}

// letGo has the processes killed.
func (g *guard) letGo() {
	g.once.Do(func() { _ = g.hold.Close() }) // it fails only when the guard is gone
}

// wait waits until there are none any more.
func (g *guard) wait() { _ = g.cmd.Wait() } // how it ended does not matter: there is nobody else to do it

// awaitProcess waits for the end of a process, and reports whether it has ended.
func awaitProcess(ctx context.Context, pid int) bool {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return errors.Is(err, unix.ESRCH)
	}
	defer unix.Close(fd)
	const glance = 200 // ms between looks whether anybody still wants to know
	for ctx.Err() == nil {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, glance)
		if n > 0 {
			return true
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return false
		}
	}
	return false
}
