package children

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/droverhq/drover/nodeagent/driver"
)

// Holder implements all of driver.Driver but its name's meaning: a driver adds Fingerprint
// and Validate.
type Holder struct {
	name    string
	command func(driver.Task) (*exec.Cmd, error)

	mu    sync.Mutex // guards tasks
	tasks map[string]*task
}

// New returns a holder for a driver. command says what a task runs, with its directory and
// environment.
func New(name string, command func(driver.Task) (*exec.Cmd, error)) *Holder {
	return &Holder{name: name, command: command, tasks: map[string]*task{}}
}

// Name implements driver.Driver.
func (h *Holder) Name() string { return h.name }

// task is one that was started.
type task struct {
	handle driver.Handle
	tree   *tree
	logs   []*log
	ended  chan struct{}     // closed when its first process has ended and its output is written
	result driver.ExitResult // once it has ended
}

// outputPatience is how long output is waited for that others of the task's processes may
// still hold open when its first one has ended.
const outputPatience = time.Second

// Start implements driver.Driver.
func (h *Holder) Start(ctx context.Context, t driver.Task) (driver.Handle, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if had := h.tasks[t.ID]; had != nil {
		return had.handle, nil
	}
	if err := ctx.Err(); err != nil {
		return driver.Handle{}, err
	}
	cmd, err := h.command(t)
	if err != nil {
		return driver.Handle{}, err
	}
	if err := os.MkdirAll(t.StateDir, 0o700); err != nil {
		return driver.Handle{}, err
	}
	out, stderr := newLog(t.Stdout), newLog(t.Stderr)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = out, stderr, outputPatience
	tree, err := start(cmd, t.StateDir)
	if err != nil {
		return driver.Handle{}, errors.Join(fmt.Errorf("start %s: %w", cmd.Path, err), out.close(), stderr.close())
	}
	started := &task{
		handle: driver.Handle{Driver: h.name, TaskID: t.ID, StateDir: t.StateDir, Version: 1, Started: time.Now(), PID: cmd.Process.Pid},
		tree:   tree, logs: []*log{out, stderr}, ended: make(chan struct{}),
	}
	h.tasks[t.ID] = started
	go started.wait(cmd) // ends with the task
	return started.handle, nil
}

// wait waits for the task's first process, and ends what is left of the others.
func (t *task) wait(cmd *exec.Cmd) {
	err := cmd.Wait()
	t.result = resultOf(cmd.ProcessState)
	t.result.FinishedAt = time.Now()
	err = lasting(err)
	for _, l := range t.logs {
		err = errors.Join(err, l.close())
	}
	if err = errors.Join(err, t.tree.end()); err != nil && t.result.ExitCode == 0 {
		t.result.Err = err.Error()
	}
	close(t.ended)
}

// lasting returns what went wrong beside the task's own failure.
func lasting(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) || errors.Is(err, exec.ErrWaitDelay) {
		return nil
	}
	return err
}

func (h *Holder) find(handle driver.Handle) *task {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.tasks[handle.TaskID]
}

// Recover implements driver.Driver. A task of an earlier agent is gone; what is left of its
// processes is killed.
func (h *Holder) Recover(_ context.Context, handle driver.Handle) error {
	if h.find(handle) != nil {
		return nil
	}
	return errors.Join(driver.ErrTaskGone, killLeft(handle.StateDir))
}

// Wait implements driver.Driver.
func (h *Holder) Wait(ctx context.Context, handle driver.Handle) (driver.ExitResult, error) {
	t := h.find(handle)
	if t == nil {
		return driver.ExitResult{}, driver.ErrTaskGone
	}
	select {
	case <-t.ended:
		return t.result, nil
	case <-ctx.Done():
		return driver.ExitResult{}, ctx.Err()
	}
}

// Stop implements driver.Driver.
func (h *Holder) Stop(ctx context.Context, handle driver.Handle, signal string, grace time.Duration) error {
	t := h.find(handle)
	if t == nil {
		return driver.ErrTaskGone
	}
	if err := known(signal); err != nil {
		return err
	}
	if grace > 0 {
		if err := t.tree.ask(signal); err != nil && !t.hasEnded() {
			return err
		}
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-t.ended:
			return nil
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return t.kill(ctx)
}

func (t *task) hasEnded() bool {
	select {
	case <-t.ended:
		return true
	default:
		return false
	}
}

func (t *task) kill(ctx context.Context) error {
	if !t.hasEnded() {
		if err := t.tree.kill(); err != nil && !t.hasEnded() {
			return err
		}
	}
	select {
	case <-t.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Destroy implements driver.Driver.
func (h *Holder) Destroy(ctx context.Context, handle driver.Handle) error {
	t := h.find(handle)
	if t == nil {
		if err := killLeft(handle.StateDir); err != nil {
			return err
		}
		return os.RemoveAll(handle.StateDir)
	}
	if err := t.kill(ctx); err != nil {
		return err
	}
	h.mu.Lock()
	delete(h.tasks, handle.TaskID)
	h.mu.Unlock()
	return os.RemoveAll(handle.StateDir)
}
