package deployment

import (
	"time"

	"github.com/droverhq/drover/api"
)

// health is what can be said of an instance.
type health uint8

const (
	undecided health = iota
	healthy
	unhealthy
)

// instance is an allocation of a deployment with what its node agent says of it.
type instance struct {
	*api.Allocation
	status *api.AllocationStatus // nil: nothing yet
	// seen is when a task was first seen to have started, if the node's clock says that
	// it starts in the future.
	seen time.Time
}

// known returns the health that was said before.
func (i *instance) known() health {
	switch s := i.DeploymentStatus; {
	case s == nil || s.Healthy == nil:
		return undecided
	case *s.Healthy:
		return healthy
	}
	return unhealthy
}

// judge says how an instance of the group does at a moment, and, if that is
// undecided, when to look again at the latest. since is when it joined the
// deployment.
func (i *instance) judge(g *api.TaskGroup, since, now time.Time) (health, time.Time) {
	if !i.WantsRun() || i.Lost != "" || i.known() == unhealthy {
		return i.known(), time.Time{}
	}
	if i.broken(g) {
		return unhealthy, time.Time{}
	}
	if i.known() == healthy || api.Deref(g.Update.HealthCheck) == api.HealthCheckManual {
		return i.known(), time.Time{}
	}
	deadline := since.Add(api.Deref(g.Update.HealthyDeadline))
	if from, ok := i.steadyFrom(g, since, now); ok {
		at := from.Add(api.Deref(g.Update.MinHealthyTime))
		if !at.After(now) {
			return healthy, time.Time{}
		}
		if at.Before(deadline) {
			return undecided, at
		}
	}
	if !deadline.After(now) {
		return unhealthy, time.Time{}
	}
	return undecided, deadline
}

// broken reports whether the instance failed, or a task of it ended that should not.
func (i *instance) broken(g *api.TaskGroup) bool {
	if i.status == nil {
		return false
	}
	if i.status.Terminal() {
		return true
	}
	for _, t := range g.Tasks {
		s := i.status.TaskStates[t.Name]
		if s == nil || s.State != api.TaskStateDead {
			continue
		}
		if s.Failed || t.IsMain() || t.IsSidecar() {
			return true
		}
	}
	return false
}

// steadyFrom returns since when all tasks are as they should be, if they are.
func (i *instance) steadyFrom(g *api.TaskGroup, since, now time.Time) (time.Time, bool) {
	if i.status == nil || i.status.ClientStatus != api.AllocClientRunning {
		return time.Time{}, false
	}
	from := since
	for _, t := range g.Tasks {
		s := i.status.TaskStates[t.Name]
		switch {
		case t.Lifecycle != nil && t.Lifecycle.Hook == api.HookPoststop:
			continue
		case s == nil:
			return time.Time{}, false
		case s.Successful():
			continue
		case s.State != api.TaskStateRunning || !lasts(t):
			return time.Time{}, false
		}
		if s.StartedAt != nil && s.StartedAt.After(from) {
			from = *s.StartedAt
		}
	}
	if from.After(now) {
		from = i.seen
	}
	return from, true
}

// started returns when the last of the tasks started, by the node's clock.
func (i *instance) started() time.Time {
	var last time.Time
	if i.status == nil {
		return last
	}
	for _, s := range i.status.TaskStates {
		if s.StartedAt != nil && s.StartedAt.After(last) {
			last = *s.StartedAt
		}
	}
	return last
}

// lasts reports whether a task is to run for as long as its group does.
func lasts(t *api.Task) bool {
	return t.IsMain() || t.IsSidecar() || t.Lifecycle.Hook == api.HookPoststart
}
