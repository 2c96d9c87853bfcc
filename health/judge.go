package health

import (
	"slices"
	"time"

	"github.com/droverhq/drover/api"
)

// Verdict is what can be said of an instance.
type Verdict uint8

// The zero Verdict says that it is too early to tell.
const (
	Undecided Verdict = iota
	Healthy
	Unhealthy
)

func (v Verdict) String() string {
	switch v {
	case Healthy:
		return "healthy"
	case Unhealthy:
		return "unhealthy"
	}
	return "undecided"
}

// Terms are what an instance is judged by: those of an update or a migrate block.
type Terms struct {
	// Check is what counts: api.HealthCheckChecks, api.HealthCheckTaskStates, or
	// api.HealthCheckManual, by which an instance is never found healthy.
	Check string
	// MinHealthyTime is for how long an instance has to be well to be healthy.
	MinHealthyTime time.Duration
	// Deadline is how long it may take to become healthy.
	Deadline time.Duration
}

// UpdateTerms returns the terms of a rollout.
func UpdateTerms(u *api.UpdateStrategy) Terms {
	return Terms{
		Check:          api.Deref(u.HealthCheck),
		MinHealthyTime: api.Deref(u.MinHealthyTime),
		Deadline:       api.Deref(u.HealthyDeadline),
	}
}

// MigrateTerms returns the terms by which the instances that replace others on a
// draining node are judged.
func MigrateTerms(m *api.MigrateStrategy) Terms {
	return Terms{
		Check:          api.Deref(m.HealthCheck),
		MinHealthyTime: api.Deref(m.MinHealthyTime),
		Deadline:       api.Deref(m.HealthyDeadline),
	}
}

// Instance is what is known of the one to judge.
type Instance struct {
	Group  *api.TaskGroup        // as its version of the job has it
	Status *api.AllocationStatus // what its node agent says; nil: nothing yet
	// Since is from when on it is judged: its placement, or later. Both terms count
	// from then at the earliest.
	Since time.Time
	// Seen is when LastTurn(Status) was first seen, if that is in the future. Otherwise
	// it does not matter.
	Seen time.Time
}

// Judge says how an instance does at a moment and, if that is undecided, when to look
// again at the latest (the zero time: when its status changes).
func Judge(i Instance, t Terms, now time.Time) (Verdict, time.Time) {
	if Broken(i.Group, i.Status) {
		return Unhealthy, time.Time{}
	}
	if t.Check == api.HealthCheckManual {
		return Undecided, time.Time{}
	}
	deadline := i.Since.Add(t.Deadline)
	if from, ok := i.wellFrom(t, now); ok {
		at := from.Add(t.MinHealthyTime)
		if !at.After(now) {
			return Healthy, time.Time{}
		}
		if at.Before(deadline) {
			return Undecided, at
		}
	}
	if !deadline.After(now) {
		return Unhealthy, time.Time{}
	}
	return Undecided, deadline
}

// Broken reports whether an instance failed, or a task of it ended that should not.
func Broken(g *api.TaskGroup, s *api.AllocationStatus) bool {
	if s == nil {
		return false
	}
	if s.Terminal() {
		return true
	}
	for _, t := range g.Tasks {
		state := s.TaskStates[t.Name]
		if state == nil || state.State != api.TaskStateDead {
			continue
		}
		if state.Failed || t.IsMain() || t.IsSidecar() {
			return true
		}
	}
	return false
}

// wellFrom returns since when all tasks are as they should be, and the checks that
// count pass, if they are.
func (i *Instance) wellFrom(t Terms, now time.Time) (time.Time, bool) {
	if i.Status == nil || i.Status.ClientStatus != api.AllocClientRunning {
		return time.Time{}, false
	}
	from, ok := i.tasksFrom(i.Since)
	if ok && t.Check == api.HealthCheckChecks {
		from, ok = i.checksFrom(from)
	}
	if from.After(now) {
		from = i.Seen
	}
	return from, ok
}

// tasksFrom returns since when all tasks are as they should be, or the moment that is
// given if they were by then.
func (i *Instance) tasksFrom(from time.Time) (time.Time, bool) {
	for _, t := range i.Group.Tasks {
		s := i.Status.TaskStates[t.Name]
		switch {
		case t.Lifecycle != nil && t.Lifecycle.Hook == api.HookPoststop:
			continue
		case s == nil:
			return from, false
		case s.Successful():
			continue
		case s.State != api.TaskStateRunning || !lasts(t):
			return from, false
		}
		if s.StartedAt != nil && s.StartedAt.After(from) {
			from = *s.StartedAt
		}
	}
	return from, true
}

// checksFrom is tasksFrom for the checks of the services that the cluster itself
// registers. Those that only tell whether the instance is ready do not count.
func (i *Instance) checksFrom(from time.Time) (time.Time, bool) {
	for _, s := range i.Group.NativeServices() {
		if i.ended(s.Task) {
			continue
		}
		for _, c := range s.Checks {
			if api.CheckMode(c) == api.CheckReadiness {
				continue
			}
			state := i.Status.Check(api.CheckID(i.Status.ID, s.Task, s.Service, c))
			if state == nil || state.Status != api.CheckSuccess {
				return from, false
			}
			if since := time.Unix(0, state.Since); since.After(from) {
				from = since
			}
		}
	}
	return from, true
}

// ended reports whether a task has done what it was to do, or does it only after all
// others, so that its services are of no concern.
func (i *Instance) ended(task string) bool {
	t := i.Group.Task(task)
	if t == nil { // the group itself
		return false
	}
	s := i.Status.TaskStates[task]
	return t.Lifecycle != nil && t.Lifecycle.Hook == api.HookPoststop || s != nil && s.Successful()
}

// LastTurn returns the latest moment, by the node's clock, that the judgement of a
// status hangs on: when the last of its tasks started or the last of its checks
// turned. Zero: there is none.
func LastTurn(s *api.AllocationStatus) time.Time {
	var last time.Time
	if s == nil {
		return last
	}
	for _, t := range s.TaskStates {
		if t.StartedAt != nil && t.StartedAt.After(last) {
			last = *t.StartedAt
		}
	}
	for _, c := range s.Checks {
		if since := time.Unix(0, c.Since); since.After(last) {
			last = since
		}
	}
	return last
}

// Turned reports whether an instance may have to be judged anew when its status
// changes from one to another. The former may be nil.
func Turned(before, after *api.AllocationStatus) bool {
	if before == nil || before.ClientStatus != after.ClientStatus {
		return true
	}
	for name, s := range after.TaskStates {
		was := before.TaskStates[name]
		if was == nil || was.State != s.State || was.Failed != s.Failed || !api.Same(was.StartedAt, s.StartedAt) {
			return true
		}
	}
	return !slices.EqualFunc(before.Checks, after.Checks, func(a, b *api.CheckState) bool {
		return a.ID == b.ID && a.Status == b.Status && a.Since == b.Since
	})
}

// lasts reports whether a task is to run for as long as its group does.
func lasts(t *api.Task) bool {
	return t.IsMain() || t.IsSidecar() || t.Lifecycle.Hook == api.HookPoststart
}
