package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"golang.org/x/sys/unix"

	"github.com/droverhq/drover/nodeagent/driver"
)

// Wait returns how the task ended, when all that it wrote has been taken. An engine that
// is down is waited for: what became of the task nobody else knows.
func (d *Driver) Wait(ctx context.Context, h driver.Handle) (driver.ExitResult, error) {
	none := driver.ExitResult{}
	id, err := containerOf(h)
	if err != nil {
		return none, err
	}
	if err := d.usable(); err != nil {
		return none, driver.ErrTaskGone
	}
	box, err := d.awaitEnd(ctx, id)
	if err != nil {
		return none, err
	}
	if err := d.logs.drained(ctx, h); err != nil {
		return none, err
	}
	return exitResult(d.withReason(ctx, box).State)
}

// withReason looks again at a container that somebody killed: the engine may learn a
// little later that it was the kernel, for want of memory.
func (d *Driver) withReason(ctx context.Context, box *container.InspectResponse) *container.InspectResponse {
	const tries = 5
	for range tries {
		if box.State.OOMKilled || box.State.ExitCode != signalCode+int(unix.SIGKILL) || d.hasKilled(box.ID) {
			break
		}
		if !sleep(ctx, firstPause) {
			break
		}
		again, err := d.inspect(ctx, box.ID)
		if err != nil {
			break
		}
		box = again
	}
	return box
}

// hasKilled reports whether the driver itself has killed a container.
func (d *Driver) hasKilled(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.killed[id]
}

// awaitEnd returns what is known of a container that has ended.
func (d *Driver) awaitEnd(ctx context.Context, id string) (*container.InspectResponse, error) {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		box, err := d.inspect(ctx, id)
		switch {
		case errors.Is(err, driver.ErrTaskGone):
			return nil, err
		case err == nil && !box.State.Running && !neverStarted(box):
			return box, nil
		case err == nil:
			if d.blockUntilEnd(ctx, id) == nil {
				continue
			}
		}
		if !sleep(ctx, pause) {
			return nil, ctx.Err()
		}
	}
}

// blockUntilEnd blocks until the engine says that a container does not run.
func (d *Driver) blockUntilEnd(ctx context.Context, id string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wait := d.engine.ContainerWait(ctx, id, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	select {
	case <-wait.Result:
		return nil
	case err := <-wait.Error:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// signalCode is what programs add to the number of the signal that ended them.
const signalCode = 128

func exitResult(s *container.State) (driver.ExitResult, error) {
	at, err := time.Parse(time.RFC3339Nano, s.FinishedAt)
	if err != nil {
		return driver.ExitResult{}, fmt.Errorf("when the container ended: %w", err)
	}
	return driver.ExitResult{
		ExitCode: s.ExitCode, Signal: signalOf(s.ExitCode), OOMKilled: s.OOMKilled, FinishedAt: at, Err: s.Error,
	}, nil
}

// signalOf returns the signal that an exit code stands for, or 0: the engine does not
// tell it otherwise.
func signalOf(code int) int {
	const last = 64
	if n := code - signalCode; n > 0 && n <= last {
		return n
	}
	return 0
}

// signalNumber returns the number of a signal, by its name or as a number.
func signalNumber(name string) (int, error) {
	if n := unix.SignalNum(name); n != 0 {
		return int(n), nil
	}
	return 0, fmt.Errorf("signal %q is unknown", name)
}

// Stop asks the task to end, and kills its container after grace.
func (d *Driver) Stop(ctx context.Context, h driver.Handle, signal string, grace time.Duration) error {
	id, err := containerOf(h)
	if err != nil {
		return err
	}
	if err := d.usable(); err != nil {
		return err
	}
	if signal == "" {
		signal = "SIGTERM"
	}
	number, err := signalNumber(signal)
	if err != nil {
		return err
	}
	if grace > 0 && number != int(unix.SIGKILL) {
		if err := d.kill(ctx, id, number); err != nil {
			return err
		}
		if d.endsWithin(ctx, id, grace) {
			return d.ended(ctx, h)
		}
	}
	// One whose runtime hangs may need to be told again.
	const patience = 10 * time.Second
	d.mu.Lock()
	d.killed[id] = true
	d.mu.Unlock()
	for {
		if err := d.kill(ctx, id, int(unix.SIGKILL)); err != nil {
			return err
		}
		if d.endsWithin(ctx, id, patience) {
			return d.ended(ctx, h)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// ended waits for what comes after the end.
func (d *Driver) ended(ctx context.Context, h driver.Handle) error {
	_, err := d.Wait(ctx, h)
	return err
}

func (d *Driver) endsWithin(ctx context.Context, id string, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	_, err := d.awaitEnd(ctx, id)
	return err == nil || errors.Is(err, driver.ErrTaskGone)
}

// kill sends a signal. A container that has ended is no error.
func (d *Driver) kill(ctx context.Context, id string, signal int) error {
	err := d.signal(ctx, id, signal)
	if cerrdefs.IsConflict(err) { // it does not run
		return nil
	}
	return err
}

func (d *Driver) signal(ctx context.Context, id string, signal int) error {
	ctx, cancel := context.WithTimeout(ctx, quickLimit)
	defer cancel()
	_, err := d.engine.ContainerKill(ctx, id, client.ContainerKillOptions{Signal: strconv.Itoa(signal)})
	if cerrdefs.IsNotFound(err) {
		return driver.ErrTaskGone
	}
	return err
}

// Signal sends a signal to the task's own process.
func (d *Driver) Signal(ctx context.Context, h driver.Handle, signal string) error {
	id, err := containerOf(h)
	if err != nil {
		return err
	}
	if err := d.usable(); err != nil {
		return err
	}
	number, err := signalNumber(signal)
	if err != nil {
		return err
	}
	if err := d.signal(ctx, id, number); err != nil {
		return fmt.Errorf("send %s: %w", signal, err)
	}
	return nil
}

// Destroy removes the task's container, with what it has written to its root, and later
// its image, if nobody else uses that.
func (d *Driver) Destroy(ctx context.Context, h driver.Handle) error {
	id, err := containerOf(h)
	if err != nil {
		return err
	}
	if err := d.usable(); err != nil {
		return err
	}
	d.logs.stop(id)
	if d.o.GC.Container {
		err = d.remove(ctx, id)
	} else {
		err = d.setAside(ctx, id)
	}
	if err != nil {
		return err
	}
	d.images.release(id)
	d.mu.Lock()
	delete(d.killed, id)
	d.mu.Unlock()
	if h.StateDir == "" {
		return nil
	}
	return os.RemoveAll(h.StateDir)
}

// setAside leaves a container for people to look at, when it has ended.
func (d *Driver) setAside(ctx context.Context, id string) error {
	box, err := d.inspect(ctx, id)
	if errors.Is(err, driver.ErrTaskGone) {
		return nil
	}
	if err == nil && box.State.Running {
		err = d.kill(ctx, id, int(unix.SIGKILL))
	}
	return err
}
