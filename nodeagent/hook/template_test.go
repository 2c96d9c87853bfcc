package hook

import (
	"context"
	"fmt"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/template"
)

// endedTask is a task that has ended, of which its companions are not told yet.
type endedTask struct {
	Running
	failed []string
}

func (*endedTask) Signal(context.Context, string, string) error {
	return fmt.Errorf("signal: %w", driver.ErrEnded)
}

func (*endedTask) Exec(context.Context, []string) error {
	return fmt.Errorf("exec: %w", driver.ErrEnded)
}

func (t *endedTask) Fail(reason string) { t.failed = append(t.failed, reason) }

func TestATaskThatEndsWhenItIsToldOfATemplateHasNotFailed(t *testing.T) {
	task := &endedTask{}
	script := &api.ChangeScript{Command: new("/bin/true"), FailOnError: new(true)}
	enact(t.Context(), template.Change{Signals: []string{"SIGHUP"}}, task)
	enact(t.Context(), template.Change{Scripts: []*api.ChangeScript{script}}, task)
	if len(task.failed) > 0 {
		t.Errorf("failed for %q, whatever its restart policy", task.failed)
	}
}
