package simulated

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
)

// Driver implements driver.Driver, Finder, Signaler and Statter.
type Driver struct {
	mu    sync.Mutex // guards tasks and what is in them
	tasks map[string]*task
}

type task struct {
	config  config
	started time.Time
	timer   *time.Timer // ends it by itself, or after it was asked to; may be nil
	result  *driver.ExitResult
	ended   chan struct{} // closed at the end
}

// New returns a driver without tasks.
func New() *Driver { return &Driver{tasks: map[string]*task{}} }

const name = "simulated"

// Name implements driver.Driver.
func (d *Driver) Name() string { return name }

// Fingerprint implements driver.Driver.
func (d *Driver) Fingerprint(context.Context) api.DriverInfo {
	return api.DriverInfo{
		Attributes:        map[string]string{"driver.simulated": "true"},
		Detected:          true,
		Healthy:           true,
		HealthDescription: "Healthy",
	}
}

// Validate implements driver.Driver.
func (d *Driver) Validate(block map[string]any) error {
	_, err := parse(block)
	return err
}

// StartError is the failure that a task's config asks for.
type StartError struct {
	Message string
	again   bool
}

func (e *StartError) Error() string { return e.Message }

// Recoverable reports whether another start may work.
func (e *StartError) Recoverable() bool { return e.again }

// Start implements driver.Driver.
func (d *Driver) Start(ctx context.Context, t driver.Task) (driver.Handle, error) {
	c, err := parse(t.Config)
	if err != nil {
		return driver.Handle{}, err
	}
	if c.startDelay > 0 {
		select {
		case <-time.After(c.startDelay):
		case <-ctx.Done():
			return driver.Handle{}, context.Cause(ctx)
		}
	}
	if c.startError != "" {
		failed := &StartError{Message: c.startError, again: c.recoverable}
		return driver.Handle{}, errors.Join(failed, removeState(t.StateDir))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	st := d.tasks[t.ID]
	if st == nil {
		st = &task{config: c, started: time.Now(), ended: make(chan struct{})}
		d.tasks[t.ID] = st
		if c.runFor > 0 {
			st.timer = time.AfterFunc(c.runFor, func() { d.end(st, c.exitCode, c.signal) })
		}
	}
	return handle(t.ID, t.StateDir, st), nil
}

func handle(id, stateDir string, t *task) driver.Handle {
	return driver.Handle{Driver: name, TaskID: id, StateDir: stateDir, Started: t.started}
}

func (d *Driver) end(t *task, code, signal int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t.result == nil {
		t.result = &driver.ExitResult{ExitCode: code, Signal: signal, FinishedAt: time.Now()}
		close(t.ended)
	}
}

func (d *Driver) find(id string) (*task, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t := d.tasks[id]; t != nil {
		return t, nil
	}
	return nil, driver.ErrTaskGone
}

// Find implements driver.Finder.
func (d *Driver) Find(_ context.Context, t driver.Task) (driver.Handle, error) {
	st, err := d.find(t.ID)
	if err != nil {
		return driver.Handle{}, err
	}
	return handle(t.ID, t.StateDir, st), nil
}

// Recover implements driver.Driver.
func (d *Driver) Recover(_ context.Context, h driver.Handle) error {
	_, err := d.find(h.TaskID)
	return err
}

// Wait implements driver.Driver.
func (d *Driver) Wait(ctx context.Context, h driver.Handle) (driver.ExitResult, error) {
	t, err := d.find(h.TaskID)
	if err != nil {
		return driver.ExitResult{}, err
	}
	select {
	case <-t.ended:
		return *t.result, nil
	case <-ctx.Done():
		return driver.ExitResult{}, context.Cause(ctx)
	}
}

// signals are what tasks can be stopped with, and their numbers.
var signals = map[string]int{"SIGHUP": 1, "SIGINT": 2, "SIGQUIT": 3, "SIGKILL": 9, "SIGUSR1": 10, "SIGUSR2": 12, "SIGTERM": 15}

var errSignal = errors.New("simulated tasks know SIGHUP, SIGINT, SIGQUIT, SIGKILL, SIGUSR1, SIGUSR2 and SIGTERM")

// Stop implements driver.Driver. A task ends at once, or after its stop_delay, with
// 128 and the signal as its exit code; after grace it is killed.
func (d *Driver) Stop(ctx context.Context, h driver.Handle, signal string, grace time.Duration) error {
	number, ok := signals[signal]
	if !ok {
		return errSignal
	}
	t, err := d.find(h.TaskID)
	if err != nil {
		return err
	}
	delay := min(t.config.stopDelay, grace)
	if t.config.stopDelay > grace {
		number = signals["SIGKILL"]
	}
	if delay <= 0 {
		d.end(t, 128+number, number)
	} else {
		d.mu.Lock()
		if t.timer != nil {
			t.timer.Stop()
		}
		t.timer = time.AfterFunc(delay, func() { d.end(t, 128+number, number) })
		d.mu.Unlock()
	}
	_, err = d.Wait(ctx, h)
	return err
}

// Destroy implements driver.Driver.
func (d *Driver) Destroy(_ context.Context, h driver.Handle) error {
	t, err := d.find(h.TaskID)
	if errors.Is(err, driver.ErrTaskGone) {
		return removeState(h.StateDir)
	}
	d.end(t, 128+signals["SIGKILL"], signals["SIGKILL"])
	d.mu.Lock()
	defer d.mu.Unlock()
	if t.timer != nil {
		t.timer.Stop()
	}
	delete(d.tasks, h.TaskID)
	return removeState(h.StateDir)
}

// removeState removes a task's state directory, which simulated tasks leave empty.
func removeState(dir string) error {
	if dir == "" {
		return nil
	}
	return os.RemoveAll(dir)
}

// Signal implements driver.Signaler. Simulated tasks take no notice.
func (d *Driver) Signal(_ context.Context, h driver.Handle, signal string) error {
	if _, ok := signals[signal]; !ok {
		return errSignal
	}
	_, err := d.find(h.TaskID)
	return err
}

// Stats implements driver.Statter. Simulated tasks use nothing.
func (d *Driver) Stats(_ context.Context, h driver.Handle) (driver.Stats, error) {
	_, err := d.find(h.TaskID)
	return driver.Stats{MeasuredAt: time.Now()}, err
}

// Running returns the IDs of the tasks that run now, in no order.
func (d *Driver) Running() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var ids []string
	for id, t := range d.tasks {
		if t.result == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// Forget loses all tasks and their exit results, as a restart of the machine does.
func (d *Driver) Forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, t := range d.tasks {
		if t.timer != nil {
			t.timer.Stop()
		}
	}
	clear(d.tasks)
}
