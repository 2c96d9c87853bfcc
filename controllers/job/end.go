package job

import (
	"strings"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/job/plan"
)

// end says in a status when and how a job ended. What was said once of a version
// stands for as long as it stays ended: the instances may be collected. Stopping a job
// that had ended changes nothing of how it ended.
func (o *outcome) end(status *api.JobStatus) {
	if status.Status != api.JobStatusDead {
		return
	}
	v := o.view
	status.EndedVersion = v.Current()
	old := v.Status
	if old.Ended(v.Current()) || v.Stopped() && old != nil && old.EndedAt != 0 {
		status.EndedAt, status.Outcome = old.EndedAt, old.Outcome
		return
	}
	status.EndedAt, status.Outcome = v.Now.UnixNano(), o.ending()
}

// ending is how a job ended that has just done so.
func (o *outcome) ending() string {
	v, p := o.view, o.plan
	if !v.Job.IsBatch() || v.Job.IsTemplate() || v.Stopped() {
		return ""
	}
	if v.Overdue() {
		return api.JobOutcomeFailed
	}
	for _, g := range p.Groups {
		if g.Failed || p.Failure != "" {
			return api.JobOutcomeFailed
		}
	}
	return api.JobOutcomeComplete
}

// deadlineText says that the deadline has passed.
func deadlineText(v *plan.View) string {
	text := "deadline of " + durationText(*v.Job.Deadline) + " passed"
	if reason := waitReason(v); reason != "" {
		text += " while the job " + reason
	}
	return text
}

// waitReason is what a job that was never admitted waited for.
func waitReason(v *plan.View) string {
	if v.Admission.Of(v.Job) && !v.Admission.Admitted {
		return v.Admission.Reason
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
