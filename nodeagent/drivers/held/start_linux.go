package held

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/shim"
)

// Start starts the task, once: see driver.Driver. The context does not interrupt it
// any more when a shim has been started: that answers in milliseconds.
func (d *Holder) Start(ctx context.Context, wanted driver.Task) (driver.Handle, error) {
	record, err := d.startOnce(ctx, wanted)
	if err != nil {
		return driver.Handle{}, fmt.Errorf("start task %s: %w", wanted.ID, err)
	}
	return d.handle(wanted, record), nil
}

// Find returns the handle of a task that was started, without starting it.
func (d *Holder) Find(ctx context.Context, wanted driver.Task) (driver.Handle, error) {
	t := task{wanted.StateDir}
	record, err := t.started(ctx)
	if errors.Is(err, driver.ErrTaskGone) {
		err = errors.Join(err, t.abandon())
	}
	if err != nil {
		return driver.Handle{}, fmt.Errorf("find task %s: %w", wanted.ID, err)
	}
	return d.handle(wanted, record), nil
}

func (d *Holder) startOnce(ctx context.Context, wanted driver.Task) (*shim.Started, error) {
	t := task{wanted.StateDir}
	if err := os.MkdirAll(t.dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := t.openLock(os.O_RDWR | os.O_CREATE)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	mine, err := tryLock(lock)
	if err != nil {
		return nil, err
	}
	record, err := shim.ReadStarted(t.dir)
	switch {
	case !errors.Is(err, shim.ErrNoRecord): // nil: an earlier start got through
		return record, err
	case !mine: // one is under way
		return t.started(ctx)
	}
	record, err = d.launch(t, wanted, lock)
	if err != nil {
		return nil, errors.Join(err, t.abandon())
	}
	return record, nil
}

// abandon removes what a start that came to nothing has left: its shim may have been
// killed amid it.
func (t task) abandon() error {
	var err error
	if spec, specErr := t.spec(); specErr == nil { // else it was not written yet
		err = shim.RemoveGroups(spec.Groups)
		if spec.Cgroup != "" {
			err = errors.Join(err, shim.RemoveCgroup(spec.Cgroup))
		}
	}
	return errors.Join(err, os.RemoveAll(t.dir))
}

// launch starts a shim, which inherits the lock, and waits for its answer. When it
// fails nothing runs.
func (d *Holder) launch(t task, wanted driver.Task, lock *os.File) (*shim.Started, error) {
	if err := d.ready(); err != nil {
		return nil, err
	}
	spec, err := d.spec(wanted)
	if err != nil {
		return nil, err
	}
	if err := shim.WriteFile(t.path(shim.SpecFile), spec.Encode()); err != nil {
		return nil, err
	}
	answer, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	p, err := d.fork(t, lock, theirs)
	if err := errors.Join(err, theirs.Close()); err != nil {
		return nil, err
	}
	text, err := readAnswer(answer)
	switch {
	case err == nil && text == shim.Running:
		record, err := shim.ReadStarted(t.dir)
		if err == nil {
			return record, p.close()
		}
		// What runs could not be found again: have the shim end it.
		err = errors.Join(fmt.Errorf("read the record of the start: %w", err), p.signal(unix.SIGTERM))
		return nil, errors.Join(err, p.end())
	case text == "":
		text = shim.Name + " ended without a word" + t.lastWords()
	}
	return nil, errors.Join(errors.New(text), err, p.end())
}

// fork starts the shim, in a session of its own and with nothing of this process but
// the descriptors that it needs.
func (d *Holder) fork(t task, lock, answer *os.File) (*process, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	log, err := os.OpenFile(t.path(shim.LogFile), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	return d.forkShim(t.dir, null, log, log, lock, answer)
}

// forkShim starts a shim with an argument and descriptors.
func (d *Holder) forkShim(arg string, files ...*os.File) (*process, error) {
	fds := make([]uintptr, len(files))
	for i, f := range files {
		fds[i] = f.Fd()
	}
	pidfd := -1
	_, err := syscall.ForkExec(d.shim, []string{shim.Name, arg}, &syscall.ProcAttr{
		Dir: "/", Env: shim.Environ(), Files: fds,
		Sys: &syscall.SysProcAttr{Setsid: true, PidFD: &pidfd},
	})
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", d.shim, err)
	}
	if pidfd < 0 {
		return nil, errors.New("the kernel has no pidfd (Linux 5.4)")
	}
	if err := unix.SetNonblock(pidfd, true); err != nil {
		return nil, err
	}
	return newProcess(pidfd), nil
}

// readAnswer reads the line that the shim answers with; "" when it ends without one.
func readAnswer(answer *os.File) (string, error) {
	line, err := bufio.NewReader(answer).ReadString('\n')
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return strings.TrimSuffix(line, "\n"), err
}

// lastWords returns the end of what the shim wrote to its log, for an error message.
func (t task) lastWords() string {
	const most = 1024
	b, err := os.ReadFile(t.path(shim.LogFile))
	text := strings.TrimSpace(string(b[max(0, len(b)-most):]))
	if err != nil || text == "" {
		return ""
	}
	return ": " + text
}
