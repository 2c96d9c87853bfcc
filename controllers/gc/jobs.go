package gc

import (
	"iter"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// jobs finds dead jobs: those that were stopped or have run to completion, of which
// nothing is under way. They go with their status; their versions and allocations
// follow because they have no job any more.
func jobs(a age) iter.Seq[unit] {
	return func(yield func(unit) bool) {
		awaited := a.awaitedJobs()
		dead := store.Query{Index: store.ByStatus, Value: api.JobStatusDead}
		for status := range store.List[*api.JobStatus](a, dead) {
			job := a.job(status.Namespace, status.JobID)
			if job == nil || !mayGo(job) || awaited[job.Key()] || a.inUse(job, status) {
				continue
			}
			u := unit{
				conditions: []store.Condition{store.Unchanged(job), store.Unchanged(status)},
				deletes:    []api.Key{job.Key(), status.Key(), api.JobAdmissionKey(status.Namespace, status.JobID)},
			}
			if !yield(u) {
				return
			}
		}
	}
}

// mayGo reports whether a dead job is one that nobody wants any more. A template
// launches jobs again, and a service that is not stopped is wanted.
func mayGo(job *api.Job) bool {
	return job.Stopped() || (job.IsBatch() && !job.IsTemplate())
}

// inUse reports whether something of the job is under way, or not old enough, or kept
// by a user.
func (a age) inUse(job *api.Job, status *api.JobStatus) bool {
	value := store.JobValue(api.Deref(job.Namespace), api.Deref(job.ID))
	ofJob := store.Query{Index: store.ByJob, Value: value}
	crowded := a.crowd.out(api.KindJob, endOf(job, status))
	old := func(written int64) bool { return crowded || a.old(written, a.o.JobThreshold) }
	if left, finite := expires(job, status, a.now); finite { // its own time, not that of others
		old = func(int64) bool { return crowded || a.force || left == 0 }
	}
	if !old(endOf(job, status)) {
		return true
	}
	for v := range store.List[*api.JobVersion](a, ofJob) {
		if v.Tag != nil {
			return true
		}
	}
	for e := range store.List[*api.Evaluation](a, ofJob) {
		if !e.Terminal() || !old(e.ModifyTime) {
			return true
		}
	}
	for alloc := range store.List[*api.Allocation](a, ofJob) {
		if status := a.status(alloc); !ended(alloc, status) || !old(lastWritten(alloc, status)) {
			return true
		}
	}
	for d := range store.List[*api.Deployment](a, ofJob) {
		if d.Active() {
			return true
		}
	}
	for child := range store.List[*api.Job](a, store.Query{Index: store.ByParent, Value: value}) {
		status, ok := store.Get[*api.JobStatus](a, api.JobStatusKey(api.Deref(child.Namespace), api.Deref(child.ID)))
		if !ok || status.Status != api.JobStatusDead {
			return true
		}
	}
	return false
}

// lastWritten is when either side last wrote of an allocation. status may be nil.
func lastWritten(alloc *api.Allocation, status *api.AllocationStatus) int64 {
	if status == nil {
		return alloc.ModifyTime
	}
	return max(alloc.ModifyTime, status.ModifyTime)
}
