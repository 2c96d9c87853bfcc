package jobspec

import (
	"time"

	"github.com/droverhq/drover/api"
)

func (v *validator) disconnect(p place, job *api.Job, strategy *api.DisconnectStrategy) {
	if strategy == nil {
		return
	}
	lostAfter, stopAfter := api.Deref(strategy.LostAfter), api.Deref(strategy.StopOnClientAfter)
	p.notNegative("lost_after", int64(lostAfter))
	p.notNegative("stop_on_client_after", int64(stopAfter))
	p.oneOf("reconcile", api.Deref(strategy.Reconcile), api.ReconcileBestScore, api.ReconcileKeepOriginal,
		api.ReconcileKeepReplacement, api.ReconcileLongestRunning)
	if lostAfter > 0 && stopAfter > 0 {
		p.addf("lost_after waits for instances that run on, stop_on_client_after ends them; a group has one of the two")
	}
	if stopAfter > 0 && job.IsSystem() {
		p.addf("instances of a %s job belong to their nodes, out of contact or not; stop_on_client_after is for services and batch jobs", api.Deref(job.Type))
	}
}

func (v *validator) maxRun(p place, job *api.Job, limit *time.Duration) {
	switch {
	case limit == nil:
	case *limit <= 0:
		p.addf("an instance runs for some time; leave max_run_duration out if there is no limit")
	case !job.IsBatch():
		p.addf("instances of a %s job run until they are stopped; max_run_duration is for batch and sysbatch jobs", api.Deref(job.Type))
	}
}
