package plan

import (
	"time"

	"github.com/droverhq/drover/api"
)

// deadline is when a batch job has to have ended. Time that it waits, for others or for
// room, counts.
func (v *View) deadline() (at time.Time, ok bool) {
	if v.Stopped() || !v.Job.IsBatch() || v.Job.IsTemplate() || v.Job.Deadline == nil {
		return time.Time{}, false
	}
	return time.Unix(0, api.Deref(v.Job.SubmitTime)).Add(*v.Job.Deadline), true
}

// late reports whether the deadline of a job has passed, by this leader's clock or by that
// of an earlier one. Nothing of the job runs from then on, not even on a node that joins.
func (v *View) late() bool {
	at, ok := v.deadline()
	return ok && (!v.Now.Before(at) || v.endedSince(at))
}

// Overdue reports whether a job had not ended when its deadline passed.
func (v *View) Overdue() bool {
	at, _ := v.deadline()
	return v.late() && (v.endedSince(at) || !v.Status.Ended(v.Current()))
}

// endedSince reports whether a job ended at that moment or after it.
func (v *View) endedSince(at time.Time) bool {
	return v.Status.Ended(v.Current()) && v.Status.EndedAt >= at.UnixNano()
}

// UntilDeadline is how long from now a job has to be looked at because of its deadline;
// 0 if it does not.
func (v *View) UntilDeadline() time.Duration {
	at, ok := v.deadline()
	if !ok || !v.Now.Before(at) {
		return 0
	}
	return at.Sub(v.Now)
}
