package admission

import (
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// decision is whether a job may begin, and what that was decided by.
type decision struct {
	job      *api.Job
	before   *api.JobAdmission // nil: there is none
	admitted bool
	reason   string // what it waits for
	// conditions are what must not have changed for the decision to hold.
	conditions []store.Condition
}

// admission returns what is to be written, or nil if it is said already.
func (d *decision) admission(now time.Time) *api.JobAdmission {
	old := d.before
	if old.Of(d.job) && old.Admitted == d.admitted && old.Reason == d.reason {
		return nil
	}
	next := &api.JobAdmission{
		Namespace:      api.Deref(d.job.Namespace),
		JobID:          api.Deref(d.job.ID),
		JobCreateIndex: api.Deref(d.job.CreateIndex),
		JobVersion:     api.Deref(d.job.Version),
		Admitted:       d.admitted,
		Reason:         d.reason,
		Since:          now.UnixNano(),
	}
	if old != nil && old.JobCreateIndex == next.JobCreateIndex && old.Admitted == next.Admitted {
		next.Since = old.Since
	}
	return next
}

// standing reports whether a job was admitted, and the run that it was admitted for
// goes on or is the current one.
func standing(j *api.Job, a *api.JobAdmission, status *api.JobStatus) bool {
	if a == nil || !a.Admitted || a.JobCreateIndex != api.Deref(j.CreateIndex) {
		return false
	}
	endedSince := status != nil && status.EndedAt != 0 && status.EndedVersion >= a.JobVersion
	return a.JobVersion == api.Deref(j.Version) || !endedSince
}

// Preview says what a job that is registered now would wait for, or "" if for nothing.
func Preview(snap store.Snapshot, j *api.Job) string {
	if !j.NeedsAdmission() {
		return ""
	}
	if current := get[*api.Job](snap, j.Key()); current != nil {
		registered := *j
		registered.CreateIndex = current.CreateIndex
		if standing(&registered, admissionOf(snap, j), statusOf(snap, j.Key())) {
			return ""
		}
	}
	_, reason, _ := dependencies(snap, j)
	return reason
}

// decide says whether a job may begin that waits for others only.
func decide(snap store.Snapshot, j *api.Job) *decision {
	d := &decision{job: j, before: admissionOf(snap, j), conditions: []store.Condition{store.Unchanged(j)}}
	status := statusOf(snap, j.Key())
	if standing(j, d.before, status) {
		d.admitted = true
		return d
	}
	met, reason, conditions := dependencies(snap, j)
	d.admitted, d.reason = met, reason
	d.conditions = append(d.conditions, conditions...)
	d.conditions = append(d.conditions, unlessWritten(status, api.JobStatusKey(api.Deref(j.Namespace), api.Deref(j.ID))))
	return d
}

func admissionOf(snap store.Snapshot, j *api.Job) *api.JobAdmission {
	return get[*api.JobAdmission](snap, api.JobAdmissionKey(api.Deref(j.Namespace), api.Deref(j.ID)))
}

func statusOf(snap store.Snapshot, job api.Key) *api.JobStatus {
	return get[*api.JobStatus](snap, api.JobStatusKey(job.Namespace, job.ID))
}

// unlessWritten is the condition that a status is as it was read; nil means that there
// was none.
func unlessWritten(s *api.JobStatus, key api.Key) store.Condition {
	if s == nil {
		return store.Absent(key)
	}
	return store.Unchanged(s)
}
