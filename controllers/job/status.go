package job

import (
	"maps"

	"github.com/droverhq/drover/api"
)

// summarize says how a job does after a pass; nil if that is known already.
func (v *view) summarize(p *plan, at *placed, r *record) *api.JobStatus {
	s := &api.JobStatus{
		Namespace:   v.req.Namespace,
		JobID:       v.req.ID,
		Status:      v.state(p, at),
		Queued:      nonZero(p.queued(at)),
		BlockedEval: r.blocked,
	}
	s.StatusDescription = v.remark(p)
	s.Indexed = p.progress(v)
	v.end(s, p)
	if old := v.status; old != nil && old.Status == s.Status && old.StatusDescription == s.StatusDescription &&
		old.BlockedEval == s.BlockedEval && maps.Equal(old.Queued, s.Queued) && old.EndedAt == s.EndedAt &&
		old.EndedVersion == s.EndedVersion && old.Outcome == s.Outcome && sameProgress(old.Indexed, s.Indexed) {
		return nil
	}
	return s
}

// state returns the state of a job. One that has anything running, or that waits for
// something to run, is not dead; a job that launches others, or runs on every node,
// is running until it is stopped.
func (v *view) state(p *plan, at *placed) string {
	if v.job.IsTemplate() || api.Deref(v.job.Type) == api.JobTypeSystem {
		if v.stopped() {
			return api.JobStatusDead
		}
		return api.JobStatusRunning
	}
	switch {
	case v.running(p, at) > 0:
		return api.JobStatusRunning
	case v.waits():
		return api.JobStatusPending
	case len(at.backlog()) > 0 && v.job.IsBatch() && v.untouched() && !p.begun():
		return api.JobStatusPending
	case len(at.backlog()) > 0 || p.awaits():
		return api.JobStatusRunning
	}
	return api.JobStatusDead
}

// untouched reports whether a job never had an instance, or none is left.
func (v *view) untouched() bool {
	for _, s := range v.settled {
		if s.count() > 0 {
			return false
		}
	}
	return len(v.instances) == 0
}

// running counts the instances that run, or are to, after a pass.
func (v *view) running(p *plan, at *placed) int {
	n := 0
	for _, s := range v.settled {
		n += s.runs()
	}
	for i := range v.instances {
		if v.instances[i].live() {
			n++
		}
	}
	for g, group := range p.groups {
		for _, i := range group.stop {
			if i.live() {
				n--
			}
		}
		for i := range group.wants {
			w := &group.wants[i]
			if at.groups[g][i].AllocID != "" {
				n++
				if w.prev != nil && w.prev.live() {
					n--
				}
			} else if w.leaves() {
				n--
			}
		}
	}
	return n
}

// awaits reports whether some instance is going to be replaced later, or may come
// back.
func (p *plan) awaits() bool {
	for _, g := range p.groups {
		if g.awaits {
			return true
		}
	}
	return false
}

// awaits reports whether an instance that holds its slot without running is going to
// be replaced later, or may come back.
func (t *tally) awaits(current *api.Deployment) bool {
	for _, i := range t.idle {
		switch {
		case i.Lost != "":
			return true
		case !mayReschedule(current, want{prev: i}):
		default:
			if _, ok := t.group.ReschedulePolicy.Next(i.RescheduleTracker, i.status.EndedAt()); ok {
				return true
			}
		}
	}
	return false
}
