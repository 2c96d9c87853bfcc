package alloc

import (
	"fmt"
	"time"

	"github.com/droverhq/drover/api"
)

// Role is when in an allocation's life a task runs.
type Role int

// The roles.
const (
	Main             Role = iota
	Prestart              // to completion, before the main tasks
	PrestartSidecar       // from before the main tasks to their end
	Poststart             // to completion, once the main tasks have started
	PoststartSidecar      // from the start of the main tasks to their end
	Poststop              // to completion, after everything else has ended
)

// Sidecar reports whether the task lives only for the main tasks.
func (r Role) Sidecar() bool { return r == PrestartSidecar || r == PoststartSidecar }

func roleOf(t *api.Task) Role {
	if t.IsMain() {
		return Main
	}
	switch {
	case t.Lifecycle.Hook == api.HookPrestart && t.Lifecycle.Sidecar:
		return PrestartSidecar
	case t.Lifecycle.Hook == api.HookPrestart:
		return Prestart
	case t.Lifecycle.Hook == api.HookPoststop:
		return Poststop
	case t.Lifecycle.Sidecar:
		return PoststartSidecar
	}
	return Poststart
}

// Spec says which tasks an allocation has and how they are to be run.
type Spec struct {
	AllocID string
	Tasks   []TaskSpec
	// ShutdownDelay is waited between the wish to end the tasks and the first signal,
	// so that others can stop talking to them.
	ShutdownDelay time.Duration
	// MaxRun is how long the allocation may run, from its beginning, whatever its tasks
	// do; 0: as long as it likes.
	MaxRun time.Duration
	// StopAfter is how long it may run while the agent is out of contact with the
	// servers; 0: as long as it likes.
	StopAfter time.Duration
	// Site says that the tasks share something that is made before they start.
	Site bool
}

// TaskSpec is one task of a Spec.
type TaskSpec struct {
	Name          string
	Driver        string
	Role          Role
	Leader        bool // the other tasks end with it
	Restart       Policy
	KillSignal    string        // empty: the default, SIGINT
	KillTimeout   time.Duration // between the signal and the kill
	ShutdownDelay time.Duration // before the signal, for this task
}

const (
	defaultKillSignal  = "SIGINT"
	defaultKillTimeout = 5 * time.Second
)

// Defaults of a job's group that has no restart block, by kind of job.
var (
	defaultServicePolicy = Policy{Attempts: 2, Interval: 30 * time.Minute, Delay: 15 * time.Second, Mode: api.RestartModeFail}
	defaultBatchPolicy   = Policy{Attempts: 3, Interval: 24 * time.Hour, Delay: 15 * time.Second, Mode: api.RestartModeFail}
)

// SpecOf returns the Spec of an allocation of the group. maxKill bounds the tasks'
// kill timeouts; 0 does not.
func SpecOf(job *api.Job, group, allocID string, maxKill time.Duration) (Spec, error) {
	g := job.Group(group)
	if g == nil {
		return Spec{}, fmt.Errorf("job %s has no group %q: %w", api.Deref(job.ID), group, api.ErrNotFound)
	}
	s := Spec{AllocID: allocID, ShutdownDelay: api.Deref(g.ShutdownDelay), StopAfter: g.StopOnClientAfter()}
	if job.IsBatch() {
		s.MaxRun = api.Deref(g.MaxRunDuration)
	}
	for _, t := range g.Tasks {
		s.Tasks = append(s.Tasks, taskSpec(job, g, t, maxKill))
	}
	return s, nil
}

func taskSpec(job *api.Job, g *api.TaskGroup, t *api.Task, maxKill time.Duration) TaskSpec {
	s := TaskSpec{
		Name:          t.Name,
		Driver:        t.Driver,
		Role:          roleOf(t),
		Leader:        t.Leader,
		KillSignal:    t.KillSignal,
		KillTimeout:   defaultKillTimeout,
		ShutdownDelay: t.ShutdownDelay,
		Restart:       policyOf(job, g, t),
	}
	if s.KillSignal == "" {
		s.KillSignal = defaultKillSignal
	}
	if t.KillTimeout != nil {
		s.KillTimeout = *t.KillTimeout
	}
	if maxKill > 0 && s.KillTimeout > maxKill {
		s.KillTimeout = maxKill
	}
	s.Restart.OnSuccess = restartsOnSuccess(s.Role, job.IsBatch())
	return s
}

// policyOf returns the task's restart policy: its own, else its group's, else the
// default of its kind of job; a field that is not set comes from the next one.
func policyOf(job *api.Job, g *api.TaskGroup, t *api.Task) Policy {
	p := defaultServicePolicy
	if job.IsBatch() {
		p = defaultBatchPolicy
	}
	for _, r := range []*api.RestartPolicy{g.RestartPolicy, t.RestartPolicy} {
		if r == nil {
			continue
		}
		if r.Attempts != nil {
			p.Attempts = *r.Attempts
		}
		if r.Interval != nil {
			p.Interval = *r.Interval
		}
		if r.Delay != nil {
			p.Delay = *r.Delay
		}
		if r.Mode != nil {
			p.Mode = *r.Mode
		}
	}
	return p
}

func restartsOnSuccess(r Role, batch bool) bool {
	if r == Main {
		return !batch
	}
	return r.Sidecar()
}
