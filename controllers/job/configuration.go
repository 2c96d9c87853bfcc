package job

import (
	"maps"
	"slices"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/job/room"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
)

// Configuration returns how operators want jobs to be placed: as they have said, or the
// default.
func Configuration(snap store.Snapshot) *api.SchedulerConfiguration { return room.Configuration(snap) }

// configured follows a change of how jobs are placed. What waits for room may find some
// because of it, and what was asked for while the controller was paused is looked at.
func (k *knowledge) configured(snap store.Snapshot, c store.Change) []reconcile.Request {
	before, _ := c.Old.(*api.SchedulerConfiguration)
	paused := before != nil && before.PauseEvalBroker
	switch now := Configuration(snap).PauseEvalBroker; {
	case now:
		return nil
	case paused:
		return everyone(snap)
	}
	return k.fleet.Waiting()
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
