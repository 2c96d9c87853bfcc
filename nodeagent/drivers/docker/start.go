package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
)

// keyed are locks, one for each key that is in use.
type keyed struct {
	mu    sync.Mutex // guards locks
	locks map[string]*keyedLock
}

type keyedLock struct {
	sync.Mutex
	users int
}

// lock waits for a key and returns how to let go of it.
func (k *keyed) lock(key string) (unlock func()) {
	k.mu.Lock()
	if k.locks == nil {
		k.locks = map[string]*keyedLock{}
	}
	l := k.locks[key]
	if l == nil {
		l = &keyedLock{}
		k.locks[key] = l
	}
	l.users++
	k.mu.Unlock()
	l.Lock()
	return func() {
		l.Unlock()
		k.mu.Lock()
		if l.users--; l.users == 0 {
			delete(k.locks, key)
		}
		k.mu.Unlock()
	}
}

// Start starts a task's container, or returns the one that an earlier call has started.
func (d *Driver) Start(ctx context.Context, task driver.Task) (driver.Handle, error) {
	none := driver.Handle{}
	if err := d.usable(); err != nil {
		return none, err
	}
	c, err := d.o.parseConfig(task.Config)
	if err != nil {
		return none, err
	}
	defer d.starts.lock(task.ID)()
	box, err := d.inspect(ctx, containerName(task))
	switch {
	case err == nil && !own(box, task):
		return none, fmt.Errorf("container %s is there already, and not of this task: %s", containerName(task), box.ID)
	case err == nil && !neverStarted(box):
		return d.picked(task, box)
	case err != nil && !errors.Is(err, driver.ErrTaskGone):
		return none, d.explain(err)
	}
	h, err := d.start(ctx, c, task)
	if err == nil {
		return h, nil
	}
	if clean := d.giveUp(ctx, task); clean != nil {
		err = fmt.Errorf("%w; and what is left of it could not be removed: %v", err, clean)
	}
	return none, d.explain(err)
}

// explain says whether to start again may help.
func (d *Driver) explain(err error) error {
	var told *failure
	if errors.As(err, &told) {
		return err
	}
	switch text := err.Error(); {
	case strings.Contains(text, "executable file not found"), strings.Contains(text, "no such file or directory"),
		strings.Contains(text, "permission denied"), strings.Contains(text, "not a directory"):
		return err // the engine says so as if it were an accident
	}
	if ofTheMoment(err) {
		return again(err)
	}
	return err
}

func (d *Driver) start(ctx context.Context, c *config, task driver.Task) (driver.Handle, error) {
	none := driver.Handle{}
	if err := os.MkdirAll(task.StateDir, 0o700); err != nil {
		return none, err
	}
	record := taskRecord{Stdout: task.Stdout, Stderr: task.Stderr}
	if d.o.NoLogs {
		record.Stdout.Disabled, record.Stderr.Disabled = true, true
	}
	if err := writeRecord(task.StateDir, taskFile, record); err != nil {
		return none, err
	}
	if err := d.make(ctx, c, task); err != nil {
		return none, err
	}
	// The engine carries out what it has been asked, whether or not somebody waits for it.
	work, cancel := context.WithTimeout(context.WithoutCancel(ctx), workLimit)
	defer cancel()
	if _, err := d.engine.ContainerStart(work, containerName(task), client.ContainerStartOptions{}); err != nil {
		return none, fmt.Errorf("start container %s: %w", containerName(task), err)
	}
	if ctx.Err() != nil {
		return none, context.Cause(ctx)
	}
	box, err := d.inspect(work, containerName(task))
	if err != nil {
		return none, err
	}
	return d.picked(task, box)
}

// make makes the container, unless it is there.
func (d *Driver) make(ctx context.Context, c *config, task driver.Task) error {
	for try := 1; ; try++ {
		image, err := d.images.provide(ctx, c, task)
		if err != nil {
			return err
		}
		options, err := d.o.create(c, task, image)
		if err == nil {
			err = d.tooOldFor(c)
		}
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		work, cancel := context.WithTimeout(context.WithoutCancel(ctx), workLimit)
		made, err := d.engine.ContainerCreate(work, options)
		cancel()
		switch {
		case err == nil:
			for _, warning := range made.Warnings {
				d.o.Log.V(1).Info("engine warns", "container", options.Name, "warning", warning)
			}
			return nil
		case cerrdefs.IsConflict(err): // an agent that was killed had asked for it
			return d.awaitMade(ctx, options.Name)
		case cerrdefs.IsNotFound(err) && try == 1 && strings.Contains(err.Error(), "No such image"):
			continue // it was removed meanwhile
		}
		return fmt.Errorf("make container %s: %w", options.Name, err)
	}
}

// awaitMade waits until a container is there whose name the engine has already given
// away.
func (d *Driver) awaitMade(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, quickLimit)
	defer cancel()
	for {
		_, err := d.inspect(ctx, name)
		if !errors.Is(err, driver.ErrTaskGone) {
			return err
		}
		if !sleep(ctx, firstPause) {
			return again(fmt.Errorf("the name of container %s is taken, and there is no such container", name))
		}
	}
}

// tooOldFor names what the engine would leave out without a word.
func (d *Driver) tooOldFor(c *config) error {
	const withAddresses = "1.44" // of the API: engine 25
	wrong := &api.InvalidError{What: "config of driver " + Name}
	if version := d.engine.ClientVersion(); c.MAC != "" && olderAPI(version, withAddresses) {
		wrong.Add("mac_address", "is not supported by this node's engine: it speaks version "+version+" of its API, and "+withAddresses+" is needed")
	}
	return wrong.OrNil()
}

// olderAPI compares versions: 1.9 is older than 1.44.
func olderAPI(version, than string) bool {
	return len(version) < len(than) || len(version) == len(than) && version < than
}

// picked returns the handle of a container that was started, and looks after it.
func (d *Driver) picked(task driver.Task, box *container.InspectResponse) (driver.Handle, error) {
	h, err := handle(task, box)
	if err != nil {
		return h, err
	}
	d.images.use(box.Image, box.ID)
	d.logs.follow(h)
	return h, nil
}

// giveUp removes what there may be of a start.
func (d *Driver) giveUp(ctx context.Context, task driver.Task) error {
	return errors.Join(d.remove(context.WithoutCancel(ctx), containerName(task)), os.RemoveAll(task.StateDir))
}

// Find returns the handle of the container that a Start of the task has started. One
// that was only made is removed: whoever made it is gone.
func (d *Driver) Find(ctx context.Context, task driver.Task) (driver.Handle, error) {
	none := driver.Handle{}
	if d.usable() != nil {
		return none, driver.ErrTaskGone
	}
	defer d.starts.lock(task.ID)()
	box, err := d.inspect(ctx, containerName(task))
	switch {
	case errors.Is(err, driver.ErrTaskGone), err == nil && !own(box, task):
		return none, errors.Join(driver.ErrTaskGone, os.RemoveAll(task.StateDir))
	case err != nil:
		return none, err
	case neverStarted(box):
		if err := d.giveUp(ctx, task); err != nil {
			return none, err
		}
		return none, driver.ErrTaskGone
	}
	return d.picked(task, box)
}

// Recover looks after a container again.
func (d *Driver) Recover(ctx context.Context, h driver.Handle) error {
	id, err := containerOf(h)
	if err != nil {
		return err
	}
	if d.usable() != nil {
		return driver.ErrTaskGone
	}
	box, err := d.inspect(ctx, id)
	if err != nil {
		return err
	}
	d.images.use(box.Image, box.ID)
	d.logs.follow(h)
	return nil
}
