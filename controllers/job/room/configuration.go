package room

import (
	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/scheduler"
	"github.com/droverhq/drover/store"
)

// Configuration returns how operators want jobs to be placed: as they have said, or the
// default.
func Configuration(snap store.Snapshot) *api.SchedulerConfiguration {
	if c, ok := store.Get[*api.SchedulerConfiguration](snap, api.SchedulerConfigurationKey); ok {
		return c
	}
	return api.DefaultSchedulerConfiguration()
}

// policyOf returns what operators have said that holds for a job.
func policyOf(snap store.Snapshot, c *api.SchedulerConfiguration, j *api.Job) scheduler.Policy {
	pool, _ := store.Get[*api.NodePool](snap, (&api.NodePool{Name: api.Deref(j.NodePool)}).Key())
	return scheduler.PolicyOf(c, pool)
}
