package job

import (
	"maps"

	"github.com/droverhq/drover/api"
)

// summarize says how a job does after a pass; nil if that is known already.
func (o *outcome) summarize(r *record) *api.JobStatus {
	v := o.view
	now := &api.JobStatus{
		Namespace:   v.Req.Namespace,
		JobID:       v.Req.ID,
		Status:      o.state(),
		Queued:      nonZero(o.queued()),
		BlockedEval: r.blocked,
	}
	now.StatusDescription = o.remark()
	now.Indexed = o.plan.Progress(v)
	o.end(now)
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
func (o *outcome) state() string {
	v := o.view
	if v.Job.IsTemplate() || api.Deref(v.Job.Type) == api.JobTypeSystem {
		if v.Stopped() {
			return api.JobStatusDead
		}
		return api.JobStatusRunning
	}
	switch {
	case o.running() > 0:
		return api.JobStatusRunning
	case v.Waits():
		return api.JobStatusPending
	case o.backlog() && v.Job.IsBatch() && v.Untouched() && !o.plan.Begun():
		return api.JobStatusPending
	case o.backlog() || o.plan.Awaits():
		return api.JobStatusRunning
	}
	return api.JobStatusDead
}

// running counts the instances that run, or are to, after a pass.
func (o *outcome) running() int {
	n := o.view.Live()
	for g, group := range o.plan.Groups {
		for _, i := range group.Stop {
			if i.Live() {
				n--
			}
		}
		for i := range group.Wants {
			w := &group.Wants[i]
			if o.placed.Groups[g][i].AllocID != "" {
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
func (o *outcome) queued() map[string]int {
	out := maps.Clone(o.placed.Queued)
	for _, g := range o.plan.Groups {
		if g.Held > 0 {
			out[g.Name] += g.Held
		}
	}
	return out
}

// remark is what there is to say of a job besides its state.
func (o *outcome) remark() string {
	v := o.view
	switch {
	case o.plan.Failure != "":
		return o.plan.Failure
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
func (o *outcome) backlog() bool {
	for _, n := range o.placed.Queued {
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
