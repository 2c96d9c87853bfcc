package gc

import (
	"iter"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// deployments finds those that have ended, made nothing that still runs, and are not
// of the current version of a job that goes on.
func deployments(a age) iter.Seq[unit] {
	return func(yield func(unit) bool) {
		for d := range store.List[*api.Deployment](a, store.Query{}) {
			if d.Active() || !a.goes(api.KindDeployment, d.ModifyTime, a.o.DeploymentThreshold) || a.hasLive(d) {
				continue
			}
			job := a.job(d.Namespace, d.JobID)
			if job != nil && !job.Stopped() && d.JobVersion == api.Deref(job.Version) {
				continue // without it the job controller would begin it again
			}
			u := unit{
				conditions: []store.Condition{store.Unchanged(d), jobCondition(job, d.Namespace, d.JobID)},
				deletes:    []api.Key{d.Key()},
			}
			if !yield(u) {
				return
			}
		}
	}
}

// hasLive reports whether an allocation that a deployment made has not ended.
func (a age) hasLive(d *api.Deployment) bool {
	for alloc := range store.List[*api.Allocation](a, store.Query{Index: store.ByDeployment, Value: d.ID}) {
		if !ended(alloc, a.status(alloc)) {
			return true
		}
	}
	return false
}
