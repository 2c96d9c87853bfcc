package nodeagent

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/alloc"
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/hook"
)

// accompany has the companions of a task go on until ctx is done, which is when it has
// ended.
func (r *runner) accompany(ctx context.Context, task string, attempt int, h driver.Handle, companions []hook.Companion) {
	t := &runningTask{r: r, name: task, attempt: attempt, handle: h, driver: r.a.drivers[h.Driver]}
	for _, c := range companions {
		r.a.crew.Go(func() { c(ctx, t) })
	}
}

// resumed returns the companions of a task that an earlier agent started.
func (r *runner) resumed(task string) []hook.Companion {
	s := r.start(task)
	if err := hook.Resume(r.a.ctx, r.a.hooks, s); err != nil {
		r.log.Error(err, "something does not go on beside a task", "task", task)
	}
	return s.Companions
}

// runningTask is a start of a task for its companions: see hook.Running.
type runningTask struct {
	r       *runner
	name    string
	attempt int
	handle  driver.Handle
	driver  driver.Driver
}

// Restart implements hook.Running.
func (t *runningTask) Restart(reason string) {
	t.r.post(alloc.Restart{Task: t.name, Attempt: t.attempt, Reason: reason})
}

// Signal implements hook.Running.
func (t *runningTask) Signal(ctx context.Context, signal, reason string) error {
	signaler, ok := t.driver.(driver.Signaler)
	if !ok {
		return fmt.Errorf("%w: signals to tasks of the driver %s", api.ErrNotSupported, t.handle.Driver)
	}
	if err := signaler.Signal(ctx, t.handle, signal); err != nil {
		return err
	}
	t.Note(&api.TaskEvent{
		Type: api.EventSignaling, Time: time.Now().UnixNano(), DisplayMessage: reason, TaskSignal: signal, TaskSignalReason: reason,
		Details: map[string]string{"task_signal": signal, "task_signal_reason": reason},
	})
	return nil
}

// maxScriptOutput is how much of what a command says is told when it fails.
const maxScriptOutput = 500

// Exec implements hook.Running.
func (t *runningTask) Exec(ctx context.Context, args []string) error {
	executor, ok := t.driver.(driver.Executor)
	if !ok {
		return fmt.Errorf("%w: commands in tasks of the driver %s", api.ErrNotSupported, t.handle.Driver)
	}
	var out capped
	result, err := executor.Exec(ctx, t.handle, driver.Command{Args: args, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out})
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case !result.Successful():
		return fmt.Errorf("exit code %d: %s", result.ExitCode, strings.ToValidUTF8(strings.TrimSpace(out.String()), ""))
	}
	return nil
}

// Fail implements hook.Running.
func (t *runningTask) Fail(reason string) {
	t.r.post(alloc.Fail{Task: t.name, Attempt: t.attempt, Reason: reason})
}

// Note implements hook.Running.
func (t *runningTask) Note(e *api.TaskEvent) { t.r.post(alloc.Noted{Task: t.name, Event: e}) }

// capped keeps the beginning of what is written to it.
type capped struct{ bytes.Buffer }

func (c *capped) Write(b []byte) (int, error) {
	c.Buffer.Write(b[:min(len(b), maxScriptOutput-c.Len())])
	return len(b), nil
}
