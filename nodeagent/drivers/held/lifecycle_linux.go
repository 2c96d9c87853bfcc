package held

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/shim"
)

// Recover reports whether the task can be found.
func (d *Holder) Recover(ctx context.Context, h driver.Handle) error {
	t, err := d.taskOf(h)
	if err != nil {
		return err
	}
	if _, err := t.started(ctx); err != nil {
		return fmt.Errorf("recover task %s: %w", h.TaskID, err)
	}
	return nil
}

// Wait returns how the task ended, once nothing of it is left.
func (d *Holder) Wait(ctx context.Context, h driver.Handle) (driver.ExitResult, error) {
	t, err := d.taskOf(h)
	if err != nil {
		return driver.ExitResult{}, err
	}
	exit, err := t.wait(ctx)
	if err != nil {
		return driver.ExitResult{}, fmt.Errorf("wait for task %s: %w", h.TaskID, err)
	}
	return driver.ExitResult{
		ExitCode: exit.Code, Signal: exit.Signal, OOMKilled: exit.OOM, FinishedAt: exit.At, Err: exit.Err,
	}, nil
}

// Stop sends the signal to the task's process. When that has ended, by itself or
// killed after the grace, so is everything that it started. The shim counts the grace:
// it passes also when the node agent does not live to see it.
func (d *Holder) Stop(ctx context.Context, h driver.Handle, signal string, grace time.Duration) error {
	t, err := d.taskOf(h)
	if err != nil {
		return err
	}
	sig, err := parseSignal(signal)
	if err != nil {
		return fmt.Errorf("stop task %s: %w", h.TaskID, err)
	}
	if err := t.stop(ctx, shim.Stop{Signal: sig, Grace: max(grace, 0)}); err != nil {
		return fmt.Errorf("stop task %s: %w", h.TaskID, err)
	}
	return nil
}

// Signal sends a signal to the task's process.
func (d *Holder) Signal(ctx context.Context, h driver.Handle, signal string) error {
	t, err := d.taskOf(h)
	if err != nil {
		return err
	}
	sig, err := parseSignal(signal)
	if err == nil {
		err = t.signal(ctx, sig)
	}
	if err != nil {
		return fmt.Errorf("signal task %s: %w", h.TaskID, err)
	}
	return nil
}

// Destroy kills the task if it runs, and removes its state directory.
func (d *Holder) Destroy(ctx context.Context, h driver.Handle) error {
	t, err := d.taskOf(h)
	if err != nil {
		return err
	}
	err = t.stop(ctx, shim.Stop{Signal: unix.SIGKILL})
	if err != nil && !errors.Is(err, driver.ErrTaskGone) {
		return fmt.Errorf("destroy task %s: %w", h.TaskID, err)
	}
	if err := os.RemoveAll(t.dir); err != nil {
		return fmt.Errorf("destroy task %s: %w", h.TaskID, err)
	}
	return nil
}
