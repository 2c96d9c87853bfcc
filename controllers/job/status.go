package job

import (
	"maps"

	"github.com/droverhq/drover/api"
)

// summarize says how a job does after a pass; nil if that is known already.
func (s *pass) summarize(r *record) *api.JobStatus {
	v := s.view
	now := &api.JobStatus{
		Namespace:   v.Req.Namespace,
		JobID:       v.Req.ID,
		Status:      s.state(),
		Queued:      nonZero(s.queued()),
		BlockedEval: r.blocked,
	}
	now.StatusDescription = s.remark()
	now.Indexed = s.plan.Progress(v)
	s.end(now)
	if old := v.Status; old != nil && old.Status == now.Status && old.StatusDescription == now.StatusDescription &&
		old.BlockedEval == now.BlockedEval && maps.Equal(old.Queued, now.Queued) && old.EndedAt == now.EndedAt &&
		old.EndedVersion == now.EndedVersion && old.Outcome == now.Outcome && sameProgress(old.Indexed, now.Indexed) {
		return nil
	}
	return now
}

// state returns the state of a job. One that has anything running, or that waits for
// something to run, is not dead; a job that launches others, or runs on every node,
// is running until it is stopped.
func (s *pass) state() string {
	v := s.view
	if v.Job.IsTemplate() || api.Deref(v.Job.Type) == api.JobTypeSystem {
		if v.Stopped() {
			return api.JobStatusDead
		}
		return api.JobStatusRunning
	}
	switch {
	case s.running() > 0:
		return api.JobStatusRunning
	case v.Waits():
		return api.JobStatusPending
	case s.backlog() && v.Job.IsBatch() && v.Untouched() && !s.plan.Begun():
		return api.JobStatusPending
	case s.backlog() || s.plan.Awaits():
		return api.JobStatusRunning
	}
	return api.JobStatusDead
}

// running counts the instances that run, or are to, after a pass.
func (s *pass) running() int {
	n := s.view.Live()
	for g, group := range s.plan.Groups {
		for _, i := range group.Stop {
			if i.Live() {
				n--
			}
		}
		for i := range group.Wants {
			w := &group.Wants[i]
			if s.placed.Groups[g][i].AllocID != "" {
				n++
				if w.Prev != nil && w.Prev.Live() {
					n--
				}
			} else if w.Leaves() {
				n--
			}
		}
	}
	return n
}

// queued is how many instances are wanted and not placed, by group: they found no room,
// or the job waits.
func (s *pass) queued() map[string]int {
	out := maps.Clone(s.placed.Queued)
	for _, g := range s.plan.Groups {
		if g.Held > 0 {
			out[g.Name] += g.Held
		}
	}
	return out
}

// remark is what there is to say of a job besides its state.
func (s *pass) remark() string {
	v := s.view
	switch {
	case s.plan.Failure != "":
		return s.plan.Failure
	case v.Overdue():
		return deadlineText(v)
	case v.Waits():
		return v.Admission.Reason
	}
	return ""
}

func sameProgress(a, b map[string]*api.IndexProgress) bool {
	return maps.EqualFunc(a, b, func(x, y *api.IndexProgress) bool { return *x == *y })
}

// backlog reports whether anything that was to be placed found no room.
func (s *pass) backlog() bool {
	for _, n := range s.placed.Queued {
		if n > 0 {
			return true
		}
	}
	return false
}

// nonZero returns the entries that count something, or nil.
func nonZero(counts map[string]int) map[string]int {
	some := maps.Clone(counts)
	maps.DeleteFunc(some, func(_ string, n int) bool { return n == 0 })
	if len(some) == 0 {
		return nil
	}
	return some
}
