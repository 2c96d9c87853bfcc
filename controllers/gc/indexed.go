package gc

import "github.com/droverhq/drover/api"

// recorded reports whether the end of an allocation of an indexed group is in its job's
// progress, which speaks for it from then on. Of one version of a job, that only grows.
func (a age) recorded(job *api.Job, alloc *api.Allocation) bool {
	if g := job.Group(alloc.TaskGroup); g == nil || g.Indexed == nil {
		return false
	}
	status := jobStatus(a, alloc.Namespace, alloc.JobID)
	if status == nil {
		return false
	}
	p := status.Indexed[alloc.TaskGroup]
	return p != nil && p.JobVersion == alloc.JobVersion && (p.Completed.Has(alloc.Index()) || p.Failed.Has(alloc.Index()))
}
