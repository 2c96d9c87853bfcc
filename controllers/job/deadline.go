package job

import (
	"time"

	"github.com/droverhq/drover/api"
)

// deadline is when a batch job has to have ended. Time that it waits, for others or for
// room, counts.
func (v *view) deadline() (at time.Time, ok bool) {
	if v.stopped() || !v.job.IsBatch() || v.job.IsTemplate() || v.job.Deadline == nil {
		return time.Time{}, false
	}
	return time.Unix(0, api.Deref(v.job.SubmitTime)).Add(*v.job.Deadline), true
}

// late reports whether the deadline of a job has passed, by this leader's clock or by that
// of an earlier one. Nothing of the job runs from then on, not even on a node that joins.
func (v *view) late() bool {
	at, ok := v.deadline()
	return ok && (!v.now.Before(at) || v.endedSince(at))
}

// overdue reports whether a job had not ended when its deadline passed.
func (v *view) overdue() bool {
	at, _ := v.deadline()
	return v.late() && (v.endedSince(at) || !v.status.Ended(v.current()))
}

// endedSince reports whether a job ended at that moment or after it.
func (v *view) endedSince(at time.Time) bool {
	return v.status.Ended(v.current()) && v.status.EndedAt >= at.UnixNano()
}

// untilDeadline is how long from now a job has to be looked at because of its deadline;
// 0 if it does not.
func (v *view) untilDeadline() time.Duration {
	at, ok := v.deadline()
	if !ok || !v.now.Before(at) {
		return 0
	}
	return at.Sub(v.now)
}
