package docker

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// reap looks, now and then, for containers that this agent has made and that belong to
// nothing any more: a call of an agent that was killed came through after all, or its
// data directory was thrown away under running tasks. Each container says on which path
// of the node it depends; it dangles when that is gone.
func (d *Driver) reap(ctx context.Context) {
	for sleep(ctx, d.o.GC.Dangling.Period) {
		list, err := d.dangling(ctx, time.Now())
		if err != nil {
			d.o.Log.V(1).Info("dangling containers are looked for later", "reason", err.Error())
			continue
		}
		for _, c := range list {
			log := d.o.Log.WithValues("container", c.ID, "names", c.Names, "image", c.Image)
			if d.o.GC.Dangling.DryRun {
				log.Info("container belongs to no task; it would be removed")
				continue
			}
			if err := d.remove(ctx, c.ID); err != nil {
				log.Error(err, "container belongs to no task")
				continue
			}
			log.Info("container that belonged to no task was removed")
		}
	}
}

func (d *Driver) dangling(ctx context.Context, now time.Time) ([]container.Summary, error) {
	ctx, cancel := context.WithTimeout(ctx, quickLimit)
	defer cancel()
	list, err := d.engine.ContainerList(ctx, client.ContainerListOptions{
		All: true, Filters: client.Filters{}.Add("label", labelAgent+"="+d.o.Dir),
	})
	if err != nil {
		return nil, err
	}
	var out []container.Summary
	for _, c := range list.Items {
		young := now.Sub(time.Unix(c.Created, 0)) < d.o.GC.Dangling.CreationGrace
		keptToLookAt := !d.o.GC.Container && c.State != container.StateRunning
		if young || keptToLookAt || !gone(c.Labels[labelWhile]) {
			continue
		}
		out = append(out, c)
	}
	return out, nil
}

// gone reports whether a path is known not to be there.
func gone(path string) bool {
	_, err := os.Lstat(path)
	return path != "" && errors.Is(err, os.ErrNotExist)
}
