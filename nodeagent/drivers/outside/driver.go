package outside

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/drivers/outside/wire"
	"github.com/droverhq/drover/shim"
)

// Driver is the driver of a program.
type Driver struct {
	plugin    *plugin
	name      string
	schema    schema
	abilities *wire.DriverCapabilities
	logs      collector

	mu    sync.Mutex // guards locks
	locks map[string]*taskLock
}

// taskLock is held by what changes the state directory of a task.
type taskLock struct {
	sync.Mutex
	users int
}

var (
	_ driver.Driver   = (*Driver)(nil)
	_ driver.Finder   = (*Driver)(nil)
	_ driver.Signaler = (*Driver)(nil)
	_ driver.Statter  = (*Driver)(nil)
	_ driver.Executor = (*Driver)(nil)
	_ driver.Rooter   = (*Driver)(nil)
)

// What is kept in a task's state directory.
const (
	handleFile = "handle" // since the program has started it
	exitFile   = "exit"   // since it has ended
)

// handleVersion is the form of Handle.State: the program's own handle, wire.TaskHandle.
const handleVersion = 1

// Name is what the program says that its driver is called.
func (d *Driver) Name() string { return d.name }

// Close ends the program. Its tasks are its own affair.
func (d *Driver) Close() { d.plugin.close() }

// healthPatience is how long a program may take to say how it is.
const healthPatience = 5 * time.Second

// Fingerprint returns what the program has said last. A program that has ended is
// started again.
func (d *Driver) Fingerprint(ctx context.Context) api.DriverInfo {
	info := api.DriverInfo{UpdateTime: time.Now()}
	ctx, cancel := context.WithTimeout(ctx, healthPatience)
	defer cancel()
	r, err := d.plugin.get(ctx)
	if err != nil {
		info.HealthDescription = err.Error()
		return info
	}
	select {
	case <-r.known:
	case <-r.done:
		info.HealthDescription = "the driver's program has ended"
		return info
	case <-ctx.Done():
		info.HealthDescription = "the driver's program does not say how it is"
		return info
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	info.Detected = r.health.GetHealth() != wire.FingerprintResponse_UNDETECTED
	info.Healthy = r.health.GetHealth() == wire.FingerprintResponse_HEALTHY
	info.HealthDescription = r.health.GetHealthDescription()
	if info.Detected {
		info.Attributes = map[string]string{"driver." + d.name: "true"}
		for name, value := range r.health.GetAttributes() {
			info.Attributes[name] = textOf(value)
		}
		info.Attributes["driver."+d.name] = "true"
	}
	return info
}

func textOf(a *wire.Attribute) string {
	var text string
	switch v := a.GetValue().(type) {
	case *wire.Attribute_StringVal:
		text = v.StringVal
	case *wire.Attribute_BoolVal:
		text = strconv.FormatBool(v.BoolVal)
	case *wire.Attribute_IntVal:
		text = strconv.FormatInt(v.IntVal, 10)
	case *wire.Attribute_FloatVal:
		text = strconv.FormatFloat(v.FloatVal, 'f', -1, 64)
	}
	if unit := a.GetUnit(); unit != "" {
		text += " " + unit
	}
	return text
}

// Validate checks a config block by the schema that the program has given.
func (d *Driver) Validate(config map[string]any) error {
	_, err := d.schema.decode(config)
	return err
}

// lock begins a change of a task's state directory; the caller ends it.
func (d *Driver) lock(stateDir string) (unlock func()) {
	d.mu.Lock()
	l := d.locks[stateDir]
	if l == nil {
		l = new(taskLock)
		d.locks[stateDir] = l
	}
	l.users++
	d.mu.Unlock()
	l.Lock()
	return func() {
		l.Unlock()
		d.mu.Lock()
		defer d.mu.Unlock()
		if l.users--; l.users == 0 {
			delete(d.locks, stateDir)
		}
	}
}

// Start has the program start the task. The context does not interrupt it any more
// when the program has been asked.
func (d *Driver) Start(ctx context.Context, task driver.Task) (driver.Handle, error) {
	defer d.lock(task.StateDir)()
	h, err := loadHandle(task.StateDir)
	if errors.Is(err, fs.ErrNotExist) {
		h, err = d.start(context.WithoutCancel(ctx), task)
		if err != nil {
			err = errors.Join(err, d.logs.end(context.WithoutCancel(ctx), task.StateDir), os.RemoveAll(task.StateDir))
		}
	}
	if err != nil {
		return driver.Handle{}, fmt.Errorf("start task %s: %w", task.ID, err)
	}
	return h, nil
}

func (d *Driver) start(ctx context.Context, task driver.Task) (driver.Handle, error) {
	packed, err := d.schema.pack(task.Config)
	if err != nil {
		return driver.Handle{}, err
	}
	r, err := d.plugin.get(ctx)
	if err != nil {
		return driver.Handle{}, err
	}
	if err := os.MkdirAll(task.StateDir, 0o700); err != nil {
		return driver.Handle{}, err
	}
	if err := d.logs.begin(ctx, task); err != nil {
		return driver.Handle{}, err
	}
	answer, err := r.driver.StartTask(ctx, &wire.StartTaskRequest{Task: configOf(task, packed)})
	if err == nil && answer.GetResult() != wire.StartTaskResponse_SUCCESS {
		err = errors.New(answer.GetDriverErrorMsg())
	}
	if err != nil {
		return driver.Handle{}, plain(err)
	}
	r.knows(task.ID)
	state, err := proto.Marshal(answer.GetHandle())
	h := driver.Handle{
		Driver: d.name, TaskID: task.ID, StateDir: task.StateDir, Version: handleVersion, State: state, Started: time.Now().Round(0),
	}
	if err == nil {
		err = save(filepath.Join(task.StateDir, handleFile), h)
	}
	if err != nil { // it could not be found again
		_, destroyErr := r.driver.DestroyTask(ctx, &wire.DestroyTaskRequest{TaskId: task.ID, Force: true})
		return driver.Handle{}, errors.Join(err, destroyErr)
	}
	return h, nil
}

// Find returns the handle of a task that was started. What the program has started
// without being heard any more is not found: see the package's page.
func (d *Driver) Find(ctx context.Context, task driver.Task) (driver.Handle, error) {
	defer d.lock(task.StateDir)()
	h, err := loadHandle(task.StateDir)
	if errors.Is(err, fs.ErrNotExist) {
		err = errors.Join(driver.ErrTaskGone, d.logs.end(ctx, task.StateDir), os.RemoveAll(task.StateDir))
	}
	if err != nil {
		return driver.Handle{}, fmt.Errorf("find task %s: %w", task.ID, err)
	}
	return h, nil
}

// Recover asks the program whether it finds the task again, unless that has ended.
func (d *Driver) Recover(ctx context.Context, h driver.Handle) error {
	if _, err := loadExit(h.StateDir); err == nil {
		return nil
	}
	if err := d.with(ctx, h, func(context.Context, *running) error { return nil }); err != nil {
		return fmt.Errorf("recover task %s: %w", h.TaskID, err)
	}
	return nil
}

// Wait returns how the task ended.
func (d *Driver) Wait(ctx context.Context, h driver.Handle) (driver.ExitResult, error) {
	result, err := loadExit(h.StateDir)
	if err == nil {
		return result, nil
	}
	var answer *wire.WaitTaskResponse
	err = d.with(ctx, h, func(ctx context.Context, r *running) (err error) {
		answer, err = r.driver.WaitTask(ctx, &wire.WaitTaskRequest{TaskId: h.TaskID})
		return err
	})
	if err == nil {
		result, err = d.settle(ctx, h, answer)
	}
	if err != nil {
		return driver.ExitResult{}, fmt.Errorf("wait for task %s: %w", h.TaskID, err)
	}
	return result, nil
}

// settle keeps how a task has ended: all who ask are told the same.
func (d *Driver) settle(ctx context.Context, h driver.Handle, answer *wire.WaitTaskResponse) (driver.ExitResult, error) {
	ctx = context.WithoutCancel(ctx)
	defer d.lock(h.StateDir)()
	if result, err := loadExit(h.StateDir); err == nil {
		return result, nil
	}
	result := driver.ExitResult{
		ExitCode: int(answer.GetResult().GetExitCode()), Signal: int(answer.GetResult().GetSignal()),
		OOMKilled: answer.GetResult().GetOomKilled(), Err: answer.GetErr(), FinishedAt: time.Now().Round(0).UTC(),
	}
	if result.Signal != 0 && result.ExitCode <= 0 {
		result.ExitCode = 128 + result.Signal
	}
	if err := d.logs.end(ctx, h.StateDir); err != nil {
		return result, err
	}
	err := save(filepath.Join(h.StateDir, exitFile), result)
	if errors.Is(err, fs.ErrNotExist) {
		err = driver.ErrTaskGone // it was destroyed
	}
	return result, err
}

// Stop has the program stop the task.
func (d *Driver) Stop(ctx context.Context, h driver.Handle, signal string, grace time.Duration) error {
	err := checkSignal(signal)
	if err == nil {
		err = d.stop(ctx, h, signal, grace)
	}
	if err != nil {
		return fmt.Errorf("stop task %s: %w", h.TaskID, err)
	}
	return nil
}

func (d *Driver) stop(ctx context.Context, h driver.Handle, signal string, grace time.Duration) error {
	if _, err := loadExit(h.StateDir); err == nil {
		return nil
	}
	err := d.with(ctx, h, func(ctx context.Context, r *running) error {
		_, err := r.driver.StopTask(ctx, &wire.StopTaskRequest{TaskId: h.TaskID, Signal: signal, Timeout: durationpb.New(max(grace, 0))})
		return err
	})
	if err == nil {
		_, err = d.Wait(ctx, h)
	}
	return err
}

func checkSignal(name string) error {
	if unix.SignalNum(name) == 0 {
		return fmt.Errorf("%q is not a signal", name)
	}
	return nil
}

// Destroy has the program remove what is left of the task.
func (d *Driver) Destroy(ctx context.Context, h driver.Handle) error {
	defer d.lock(h.StateDir)()
	if _, err := os.Stat(h.StateDir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	err := d.with(ctx, h, func(ctx context.Context, r *running) error {
		_, err := r.driver.DestroyTask(ctx, &wire.DestroyTaskRequest{TaskId: h.TaskID, Force: true})
		r.forgets(h.TaskID)
		return err
	})
	if err == nil || errors.Is(err, driver.ErrTaskGone) {
		err = d.logs.end(ctx, h.StateDir)
	}
	if err == nil {
		err = os.RemoveAll(h.StateDir)
	}
	if err != nil {
		return fmt.Errorf("destroy task %s: %w", h.TaskID, err)
	}
	return nil
}

// maxLives bounds how many lives of a program an operation goes through.
const maxLives = 5

// with does something with a program that knows the task: it is told of it, if it was
// started since, and the operation is done again if the program ends amid it.
func (d *Driver) with(ctx context.Context, h driver.Handle, do func(context.Context, *running) error) error {
	if h.Driver != d.name || h.Version != handleVersion {
		return fmt.Errorf("handle of task %s: %w: version %d of driver %q", h.TaskID, errors.ErrUnsupported, h.Version, h.Driver)
	}
	if _, err := os.Stat(h.StateDir); errors.Is(err, fs.ErrNotExist) {
		return driver.ErrTaskGone
	}
	handle := new(wire.TaskHandle)
	if err := proto.Unmarshal(h.State, handle); err != nil {
		return err
	}
	for life := 1; ; life++ {
		r, err := d.plugin.get(ctx)
		if err != nil {
			return err
		}
		err = r.recovered(ctx, h.TaskID, handle)
		found := err == nil
		if found {
			err = do(ctx, r)
		}
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case r.died(ctx, err) && life < maxLives:
			continue
		case !found && status.Code(err) != codes.Unavailable || missing(err):
			return fmt.Errorf("%w: %w", driver.ErrTaskGone, plain(err))
		}
		return plain(err)
	}
}

// missing reports whether a program does not know a task (any more).
func missing(err error) bool {
	return status.Code(err) == codes.NotFound || strings.Contains(err.Error(), "task not found")
}

// plain takes the wrapping of the transport off an error.
func plain(err error) error {
	if s, ok := status.FromError(err); ok && s.Code() != codes.OK {
		return errors.New(s.Message())
	}
	return err
}

func loadHandle(stateDir string) (h driver.Handle, err error) {
	return h, load(filepath.Join(stateDir, handleFile), &h)
}

func loadExit(stateDir string) (r driver.ExitResult, err error) {
	return r, load(filepath.Join(stateDir, exitFile), &r)
}

func load(path string, into any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}

func save(path string, what any) error {
	b, err := json.Marshal(what)
	if err != nil {
		return err
	}
	return shim.WriteFile(path, b)
}
