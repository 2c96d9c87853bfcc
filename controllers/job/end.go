package job

import (
	"strings"
	"time"

	"github.com/droverhq/drover/api"
)

// end says in a status when and how a job ended. What was said once of a version
// stands for as long as it stays ended: the instances may be collected. Stopping a job
// that had ended changes nothing of how it ended.
func (v *view) end(s *api.JobStatus, p *plan) {
	if s.Status != api.JobStatusDead {
		return
	}
	s.EndedVersion = v.current()
	old := v.status
	if old.Ended(v.current()) || v.stopped() && old != nil && old.EndedAt != 0 {
		s.EndedAt, s.Outcome = old.EndedAt, old.Outcome
		return
	}
	s.EndedAt, s.Outcome = v.now.UnixNano(), v.outcome(p)
}

// outcome is how a job ended that has just done so.
func (v *view) outcome(p *plan) string {
	if !v.job.IsBatch() || v.job.IsTemplate() || v.stopped() {
		return ""
	}
	if v.overdue() {
		return api.JobOutcomeFailed
	}
	for _, g := range p.groups {
		if g.failed || p.failure != "" {
			return api.JobOutcomeFailed
		}
	}
	return api.JobOutcomeComplete
}

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

// deadlineText says that the deadline has passed.
func (v *view) deadlineText() string {
	text := "deadline of " + durationText(*v.job.Deadline) + " passed"
	if reason := v.waitReason(); reason != "" {
		text += " while the job " + reason
	}
	return text
}

// waitReason is what a job that was never admitted waited for.
func (v *view) waitReason() string {
	if v.admission.Of(v.job) && !v.admission.Admitted {
		return v.admission.Reason
	}
	return ""
}

// durationText writes a duration without the units that are 0: 2h, not 2h0m0s.
func durationText(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// soonest returns the first of some waits, of which 0 is none.
func soonest(waits ...time.Duration) time.Duration {
	var first time.Duration
	for _, wait := range waits {
		if wait > 0 && (first == 0 || wait < first) {
			first = wait
		}
	}
	return first
}
