package gc

import (
	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// holds reports whether an ended allocation has a say in what its job does next, and
// the conditions under which it has not. It has one while it takes the place of an
// instance, because it did what a batch instance is for, or because it failed and is
// not to be replaced (yet); without it the job would get another. And it
// has one while its place is vacant, for whoever follows it. One of another version of
// a batch job, or beyond the count, or that ended by itself in a service, has none: a
// place that it left is filled without asking what became of it.
func (a age) holds(alloc *api.Allocation, status *api.AllocationStatus) (bool, []store.Condition) {
	job := a.job(alloc.Namespace, alloc.JobID)
	conditions := []store.Condition{jobCondition(job, alloc.Namespace, alloc.JobID)}
	if !mayHold(job, alloc, status) {
		return false, conditions
	}
	if a.recorded(job, alloc) {
		return false, conditions
	}
	if takesPlace(job, alloc, status) {
		return true, nil
	}
	if alloc.NextAllocation != "" || (alloc.Lost == "" && !api.Deref(alloc.DesiredTransition.Migrate)) {
		return false, conditions
	}
	key := api.JobStatusKey(alloc.Namespace, alloc.JobID)
	state, _ := store.Get[*api.JobStatus](a, key)
	waits := state != nil && state.Queued[alloc.TaskGroup] > 0
	return waits, append(conditions, unlessWritten(state, key))
}

// mayHold reports whether an allocation is one of those that a job may count.
func mayHold(job *api.Job, alloc *api.Allocation, status *api.AllocationStatus) bool {
	if job == nil || job.Stopped() || alloc.CreateIndex < api.Deref(job.CreateIndex) {
		return false
	}
	if job.IsBatch() && status.Terminal() && alloc.JobVersion != api.Deref(job.Version) {
		return false
	}
	g := job.Group(alloc.TaskGroup)
	return g != nil && (job.IsSystem() || alloc.Index() >= 0 && alloc.Index() < api.Deref(g.Count))
}

// takesPlace reports whether an ended allocation, which the job counts, stands for an
// instance.
func takesPlace(job *api.Job, alloc *api.Allocation, status *api.AllocationStatus) bool {
	switch {
	case !status.Terminal():
		return false // it is lost
	case status.ClientStatus == api.AllocClientComplete:
		return job.IsBatch()
	}
	return alloc.WantsRun() && alloc.NextAllocation == ""
}
