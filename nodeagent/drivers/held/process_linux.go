package held

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/droverhq/drover/shim"
)

// errNoProcess says that a process has ended and been reaped.
var errNoProcess = errors.New("no such process")

// process is a running process, held by a pidfd: whatever happens to its number, this
// is it.
type process struct {
	file *os.File // for waiting
	fd   int      // the same, for system calls: File.Fd would make it blocking
}

// openProcess opens the process that has the ID and began at the start time (see
// shim.Started). errNoProcess: there is none, or the ID is another's by now.
func openProcess(pid int, start uint64) (*process, error) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if errors.Is(err, unix.ESRCH) {
		return nil, errNoProcess
	}
	if err != nil {
		return nil, fmt.Errorf("open process %d: %w", pid, err)
	}
	p := newProcess(fd)
	if found, err := shim.Lookup(pid); err != nil || found.Start != start {
		return nil, errors.Join(errNoProcess, p.close())
	}
	return p, nil
}

// newProcess takes a non-blocking pidfd.
func newProcess(fd int) *process { return &process{os.NewFile(uintptr(fd), "pidfd"), fd} }

// wait returns when the process has ended, or with the context's error.
func (p *process) wait(ctx context.Context) error {
	conn, err := p.file.SyscallConn()
	if err != nil {
		return err
	}
	return awaitReady(ctx, p.file, func() error {
		return conn.Read(func(fd uintptr) bool {
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
			return n > 0 || err != nil && !errors.Is(err, unix.EINTR)
		})
	})
}

// awaitReady runs a blocking operation on f that a read deadline interrupts, until it
// is done or the context is.
func awaitReady(ctx context.Context, f *os.File, operation func() error) error {
	stop := context.AfterFunc(ctx, func() {
		_ = f.SetReadDeadline(time.Unix(1, 0)) // f is pollable and open: it can't fail
	})
	defer stop()
	err := operation()
	if ctx.Err() != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		return ctx.Err()
	}
	return err
}

// reap takes the exit status of an ended process if it is a child of this one.
func (p *process) reap() error {
	err := unix.Waitid(unix.P_PIDFD, p.fd, nil, unix.WEXITED|unix.WNOHANG, nil)
	if errors.Is(err, unix.ECHILD) {
		return nil
	}
	return err
}

// end waits for a child of this process, however long it lives, and lets go of it.
func (p *process) end() error {
	return errors.Join(p.wait(context.Background()), p.reap(), p.close())
}

// signal sends a signal. It is no error that the process has ended.
func (p *process) signal(sig syscall.Signal) error {
	err := unix.PidfdSendSignal(p.fd, sig, nil, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}

func (p *process) close() error { return p.file.Close() }

// defaultSignal is what a task that says nothing of kill_signal is stopped with.
const defaultSignal = unix.SIGINT

// parseSignal reads SIGTERM, TERM or term; "" is defaultSignal.
func parseSignal(name string) (syscall.Signal, error) {
	if name == "" {
		return defaultSignal, nil
	}
	full := strings.ToUpper(name)
	if !strings.HasPrefix(full, "SIG") {
		full = "SIG" + full
	}
	sig := unix.SignalNum(full)
	if sig == 0 {
		return 0, fmt.Errorf("unknown signal %q", name)
	}
	return sig, nil
}
