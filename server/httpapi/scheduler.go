package httpapi

import (
	"fmt"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/job"
	"github.com/droverhq/drover/store"
)

// readScheduler is GET /v1/operator/scheduler/configuration.
func readScheduler(s store.Snapshot, c *call) (any, error) {
	config := job.Configuration(s)
	return &api.SchedulerConfigurationResponse{
		SchedulerConfig: config, Index: config.ModifyIndex, KnownLeader: c.api.store.Leader().ServerID != "",
	}, nil
}

// writeScheduler is PUT /v1/operator/scheduler/configuration: all of it, and with ?cas
// only if it is as it was written at that index.
func writeScheduler(c *call) error {
	next := new(api.SchedulerConfiguration)
	if err := c.decode(next); err != nil {
		return err
	}
	if next.SchedulerAlgorithm == "" {
		next.SchedulerAlgorithm = api.AlgorithmBinPack
	}
	if err := next.Validate(); err != nil {
		return err
	}
	cas, err := c.cas()
	if err != nil {
		return err
	}
	missed := false
	index, err := c.api.change(c.http.Context(), func(s store.Snapshot) (store.Txn, error) {
		missed = false
		if err := checkCAS(s, next.Key(), cas); err != nil {
			missed = true
			return store.Txn{}, err
		}
		return store.Txn{Conditions: []store.Condition{unchanged(s, next.Key())}, Writes: []store.Write{store.Put(next)}}, nil
	})
	if missed {
		return c.answer(api.SchedulerUpdateResponse{Index: c.api.store.Snapshot().Index()})
	}
	if err != nil {
		return err
	}
	c.indexHeader(index)
	return c.answer(api.SchedulerUpdateResponse{Updated: true, Index: index})
}

// oversubscriptionWarnings names the tasks of a job whose memory_max has no effect.
func oversubscriptionWarnings(s store.Snapshot, j *api.Job) []string {
	pool := get[*api.NodePool](s, (&api.NodePool{Name: api.Deref(j.NodePool)}).Key())
	if job.Configuration(s).For(pool).MemoryOversubscriptionEnabled {
		return nil
	}
	var warnings []string
	for _, g := range j.TaskGroups {
		for _, t := range g.Tasks {
			if t.Resources != nil && api.Deref(t.Resources.MemoryMaxMB) > api.Deref(t.Resources.MemoryMB) {
				warnings = append(warnings, fmt.Sprintf("memory_max of task %q in group %q has no effect: memory oversubscription is off "+
					"(drover operator scheduler set-config -memory-oversubscription)", t.Name, api.Deref(g.Name)))
			}
		}
	}
	return warnings
}

// takesJobs refuses new jobs, versions, children and counts while operators want none.
// The condition says that they still do when the job is written.
func takesJobs(s store.Snapshot) (store.Condition, error) {
	if job.Configuration(s).RejectJobRegistration {
		return store.Condition{}, wordedf(api.ErrDenied, "jobs are neither registered, dispatched nor scaled now: "+
			"an operator has set RejectJobRegistration (drover operator scheduler set-config -reject-job-registration=false)")
	}
	return unchanged(s, api.SchedulerConfigurationKey), nil
}
