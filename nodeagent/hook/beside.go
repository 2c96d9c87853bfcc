package hook

import (
	"context"
	"fmt"

	"github.com/droverhq/drover/api"
)

// Companion is what goes on beside a task for as long as it runs. It returns when ctx is
// done, at the latest.
type Companion func(ctx context.Context, t Running)

// Running is a task that runs, for its companions.
type Running interface {
	// Restart has the task started again, whatever its restart policy.
	Restart(reason string)
	// Signal sends a signal to the task, and notes why.
	Signal(ctx context.Context, signal, reason string) error
	// Exec runs a command beside the task. The error says why it could not be run, or that
	// it failed.
	Exec(ctx context.Context, args []string) error
	// Fail ends the task for good: it has failed.
	Fail(reason string)
	// Note adds an event to those of the task.
	Note(e *api.TaskEvent)
}

// Resumer is a Hook of which something goes on beside the task. Of a task that runs when
// the agent is started anew, Resume is called instead of Prestart.
type Resumer interface {
	Hook
	Resume(ctx context.Context, s *Start) error
}

// Resume does, for a task that was started by an earlier agent, what its companions need.
func Resume(ctx context.Context, hooks []Hook, s *Start) error {
	for _, h := range hooks {
		if r, ok := h.(Resumer); ok {
			if err := r.Resume(ctx, s); err != nil {
				return fmt.Errorf("%s: %w", h.Name(), err)
			}
		}
	}
	return nil
}

// Resume implements Resumer.
func (e environment) Resume(ctx context.Context, s *Start) error { return e.Prestart(ctx, s) }
