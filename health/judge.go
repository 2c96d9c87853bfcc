package health

import (
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
	if from, ok := i.wellFrom(now); ok {
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

// wellFrom returns since when all tasks are as they should be, if they are.
func (i *Instance) wellFrom(now time.Time) (time.Time, bool) {
	if i.Status == nil || i.Status.ClientStatus != api.AllocClientRunning {
		return time.Time{}, false
	}
	from := i.Since
	for _, t := range i.Group.Tasks {
		s := i.Status.TaskStates[t.Name]
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
		from = i.Seen
	}
	return from, true
}

// LastTurn returns the latest moment, by the node's clock, that the judgement of a
// status hangs on: when the last of its tasks started. Zero: there is none.
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
	return last
}

// lasts reports whether a task is to run for as long as its group does.
func lasts(t *api.Task) bool {
	return t.IsMain() || t.IsSidecar() || t.Lifecycle.Hook == api.HookPoststart
}
