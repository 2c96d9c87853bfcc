package job

import (
	"maps"
	"slices"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/scheduler"
	"github.com/droverhq/drover/store"
)

// Configuration returns how operators want jobs to be placed.
func Configuration(snap store.Snapshot) *api.SchedulerConfiguration {
	if c, ok := store.Get[*api.SchedulerConfiguration](snap, api.SchedulerConfigurationKey); ok {
		return c
	}
	return api.DefaultSchedulerConfiguration()
}

// policy returns what operators have said that holds for the job.
func (v *view) policy() scheduler.Policy {
	return scheduler.PolicyOf(v.config, v.pool(api.Deref(v.job.NodePool)))
}

// configured follows a change of how jobs are placed. What waits for room may find some
// because of it, and what was asked for while the controller was paused is looked at.
func (f *fleet) configured(snap store.Snapshot, c store.Change) []reconcile.Request {
	before, _ := c.Old.(*api.SchedulerConfiguration)
	paused := before != nil && before.PauseEvalBroker
	switch now := Configuration(snap).PauseEvalBroker; {
	case now:
		return nil
	case paused:
		return everyone(snap)
	}
	return f.waiting()
}

// everyone returns all jobs, with those of which only a question is left.
func everyone(snap store.Snapshot) []reconcile.Request {
	all := make(map[reconcile.Request]struct{})
	for j := range store.List[*api.Job](snap, store.Query{}) {
		all[reconcile.RequestFor(j.Key())] = struct{}{}
	}
	for e := range store.List[*api.Evaluation](snap, store.Query{}) {
		if e.Status == api.EvalPending {
			all[reconcile.Request{Namespace: e.Namespace, ID: e.JobID}] = struct{}{}
		}
	}
	return slices.SortedFunc(maps.Keys(all), reconcile.Request.Compare)
}

// waiting returns the jobs that stand in line for room.
func (f *fleet) waiting() []reconcile.Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.SortedFunc(maps.Keys(f.line.waiting), reconcile.Request.Compare)
}
