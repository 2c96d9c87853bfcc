package nodeagent

import (
	"context"
	"fmt"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/alloc"
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/hook"
	"github.com/droverhq/drover/nodeagent/network"
)

// networks returns what makes the networks of allocations.
func (a *Agent) networks() *network.Manager {
	o := a.opts.Network
	o.Dir, o.Log = a.dirs.networks(), a.log.WithName("network")
	o.Owners = map[string]driver.NetworkOwner{}
	for name, d := range a.drivers {
		if owner, owns := d.(driver.NetworkOwner); owns {
			o.Owners[name] = owner
		}
	}
	return network.New(o)
}

// specOf returns what the life of an allocation goes by.
func (a *Agent) specOf(job *api.Job, al *api.Allocation) (alloc.Spec, error) {
	spec, err := alloc.SpecOf(job, al.TaskGroup, al.ID, a.opts.MaxKillTimeout)
	if err != nil {
		return spec, err
	}
	spec.Site = hook.ConcernsAny(a.sites, job.Group(al.TaskGroup))
	return spec, nil
}

// sweepSites removes, in the background, what is there of allocations that have ended or
// that this node does not know any more: it could not be removed before, or the state
// was lost.
func (a *Agent) sweepSites() {
	if len(a.sites) == 0 {
		return
	}
	a.crew.Go(func() {
		known := func(id string) bool {
			r := a.worker.find(id)
			return r != nil && !r.hasEnded()
		}
		if err := hook.Sweep(a.ctx, a.sites, known); err != nil && a.ctx.Err() == nil {
			a.log.Error(err, "something is left of allocations that are not known any more")
		}
	})
}

// site returns what the tasks of the allocation share.
func (r *runner) site() alloc.Site {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.life.Site()
}

// siteTries bounds how often a site is tried to be made: a plugin may be at odds with
// others for a moment. It bounds as well how often it is tried to be cleared; an agent
// that is started later tries again.
const siteTries = 3

// makeSite makes what the tasks share, and tells the life how that went.
func (r *runner) makeSite(ctx context.Context) {
	al, job := r.object()
	s := &hook.AllocStart{
		Alloc: al, Job: job, Group: job.Group(al.TaskGroup), Node: r.a.node.Load(), Region: r.a.opts.Region, Drivers: r.a.drivers,
		Note: r.noteAll,
	}
	pause := firstAgain
	for try := 1; ; try++ {
		err := hook.Prerun(ctx, r.a.sites, s)
		switch {
		case err == nil:
			r.post(alloc.SiteMade{Site: s.Site})
			return
		case r.a.ctx.Err() != nil: // the next agent finds out
			return
		case ctx.Err() != nil: // nobody wants it any more
			r.post(alloc.SiteFailed{Message: err.Error()})
			return
		case try == siteTries || !mayWork(alloc.StageSetup, err):
			r.log.Info("allocation not prepared", "reason", err.Error())
			r.post(alloc.SiteFailed{Message: fmt.Sprintf("failed to prepare the allocation: %v", err)})
			return
		}
		r.log.Error(err, "preparing the allocation again")
		if !r.a.pause(pause) {
			return
		}
		pause *= 2
	}
}

// noteAll adds an event to those of each task.
func (r *runner) noteAll(e *api.TaskEvent) {
	al, job := r.object()
	for _, t := range job.Group(al.TaskGroup).Tasks {
		r.post(alloc.Noted{Task: t.Name, Event: e})
	}
}

// clearSite removes what the tasks shared. What can't be removed is left to the sweep of
// an agent that is started later: the allocation has ended all the same.
func (r *runner) clearSite() {
	pause := firstAgain
	for try := 1; ; try++ {
		err := hook.Postrun(r.a.ctx, r.a.sites, r.id)
		if err == nil {
			break
		}
		if r.a.ctx.Err() != nil {
			return
		}
		r.log.Error(err, "something is left of what the tasks of an ended allocation shared")
		if try == siteTries {
			break
		}
		if !r.a.pause(pause) {
			return
		}
		pause *= 2
	}
	r.post(alloc.SiteCleared{})
}

// joins says whether a driver can run tasks in a network.
func joins(d driver.Driver, n driver.Network) error {
	if n.Namespace == "" {
		return nil
	}
	if _, joins := d.(driver.Networker); !joins {
		return fmt.Errorf("%w: driver %q can't run tasks in a network of the allocation's own", api.ErrNotSupported, d.Name())
	}
	return nil
}
