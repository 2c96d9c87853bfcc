package held

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/shim"
)

// handleVersion is the form of Handle.State: the state directory.
const handleVersion = 1

// task is a task's state directory. What is in it says where the task is:
//
//	lock held   started  exit swept
//	no          no       -           nothing was started, and nothing will be
//	yes         no       -           a shim is at work on the start
//	yes         yes      -           the task runs, or is being ended
//	no          yes      no          the shim was killed: sweep
//	no          yes      yes         the task has ended, and nothing of it is left
//
// Whoever begins a start or a sweep takes the lock first.
type task struct {
	dir string
}

func (d *Holder) taskOf(h driver.Handle) (task, error) {
	dir := string(h.State)
	if h.Driver != d.name || h.Version != handleVersion || !filepath.IsAbs(dir) {
		return task{}, fmt.Errorf("handle of task %s: %w: version %d of driver %q", h.TaskID, errors.ErrUnsupported, h.Version, h.Driver)
	}
	return task{dir}, nil
}

func (d *Holder) handle(wanted driver.Task, s *shim.Started) driver.Handle {
	return driver.Handle{
		Driver: d.name, TaskID: wanted.ID, Version: handleVersion, State: []byte(wanted.StateDir),
		Started: s.At, PID: s.PID,
	}
}

func (t task) path(name string) string { return filepath.Join(t.dir, name) }

// openLock opens the lock file; driver.ErrTaskGone when there is none.
func (t task) openLock(flags int) (*os.File, error) {
	f, err := os.OpenFile(t.path(shim.LockFile), flags, 0o600)
	if errors.Is(err, os.ErrNotExist) {
		return nil, driver.ErrTaskGone
	}
	return f, err
}

// tryLock takes the lock unless somebody holds it. The lock goes with the open file,
// also to a process that inherits it, and ends with its last copy.
func tryLock(f *os.File) (bool, error) {
	lock := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	err := control(f, func(fd uintptr) error { return unix.FcntlFlock(fd, unix.F_OFD_SETLK, &lock) })
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return false, nil
	}
	return err == nil, err
}

// locked reports whether somebody holds the lock, without taking it. (It opens the
// file for reading only: its own close must not wake who watches the directory.)
func (t task) locked() (bool, error) {
	f, err := t.openLock(os.O_RDONLY)
	if err != nil {
		return false, err
	}
	defer f.Close()
	lock := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	err = control(f, func(fd uintptr) error { return unix.FcntlFlock(fd, unix.F_OFD_GETLK, &lock) })
	return lock.Type != unix.F_UNLCK, err
}

func control(f *os.File, operation func(fd uintptr) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	err = conn.Control(func(fd uintptr) { result = operation(fd) })
	return errors.Join(err, result)
}

// started returns the record of the start, waiting while a shim is at work on it.
// driver.ErrTaskGone: nothing was started.
func (t task) started(ctx context.Context) (*shim.Started, error) {
	record, err := shim.ReadStarted(t.dir)
	if !errors.Is(err, shim.ErrNoRecord) {
		return record, err
	}
	changes, err := watchDir(t.dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, driver.ErrTaskGone
	}
	if err != nil {
		return nil, err
	}
	defer changes.close()
	for {
		held, err := t.locked()
		if err != nil {
			return nil, err
		}
		record, err := shim.ReadStarted(t.dir) // after the look at the lock: its holder writes it
		if err == nil || !errors.Is(err, shim.ErrNoRecord) {
			return record, err
		}
		if !held {
			return nil, driver.ErrTaskGone
		}
		if err := changes.wait(ctx); err != nil {
			return nil, err
		}
	}
}

// wait returns how the task ended, when nothing of it is left.
func (t task) wait(ctx context.Context) (*shim.Exit, error) {
	started, err := t.started(ctx)
	if err != nil {
		return nil, err
	}
	p, err := openProcess(started.ShimPID, started.ShimStart)
	switch {
	case errors.Is(err, errNoProcess):
	case err != nil:
		return nil, err
	default:
		err := p.wait(ctx)
		if err == nil {
			err = p.reap()
		}
		if err := errors.Join(err, p.close()); err != nil {
			return nil, err
		}
	}
	if exit, err := shim.ReadExit(t.dir); err == nil && exit.Swept {
		return exit, nil
	}
	return t.sweep(ctx, started)
}

// stop has the shim end the task, and returns when it has.
func (t task) stop(ctx context.Context, stop shim.Stop) error {
	started, err := t.started(ctx)
	if err != nil {
		return err
	}
	p, err := openProcess(started.ShimPID, started.ShimStart)
	switch {
	case errors.Is(err, errNoProcess):
	case err != nil:
		return err
	default:
		// A full disk must not keep a task alive: without the file the shim ends it in
		// its own way.
		unwritten := shim.WriteFile(t.path(shim.StopFile), stop.Encode())
		if err := errors.Join(p.signal(unix.SIGTERM), p.close()); err != nil {
			return errors.Join(err, unwritten)
		}
	}
	_, err = t.wait(ctx)
	return err
}

// signal sends a signal to the task's own process.
func (t task) signal(ctx context.Context, sig unix.Signal) error {
	started, err := t.started(ctx)
	if err != nil {
		return err
	}
	p, err := openProcess(started.PID, started.PIDStart)
	if errors.Is(err, errNoProcess) {
		return driver.ErrEnded
	}
	if err != nil {
		return err
	}
	return errors.Join(p.signal(sig), p.close())
}
