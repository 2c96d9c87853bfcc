package room

import (
	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/scheduler"
	"github.com/droverhq/drover/store"
)

// victims returns what the engine asks about the allocations of a node when a job finds no
// room; nil if it may preempt nobody. Only what is committed can be told to end.
func (f *Fleet) victims(snap store.Snapshot, c *api.SchedulerConfiguration, j *api.Job) func(node string) []scheduler.Victim {
	if j == nil || !preempts(c, j) {
		return nil
	}
	most := api.Deref(j.Priority) - scheduler.PreemptionGap
	if most < f.lowest {
		return nil
	}
	jobs := make(map[api.Key]*api.Job)
	return func(node string) []scheduler.Victim {
		var out []scheduler.Victim
		for a := range store.List[*api.Allocation](snap, store.Query{Index: store.ByNode, Value: node}) {
			if !a.WantsRun() && a.DesiredStatus != api.AllocDesiredEvict {
				continue
			}
			key := api.JobKey(a.Namespace, a.JobID)
			job, known := jobs[key]
			if !known {
				job, _ = store.Get[*api.Job](snap, key)
				jobs[key] = job
			}
			// Of a job that was purged, all is about to be stopped. And what is placed may be of
			// a version that was more important than the job is now.
			if job == nil || a.WantsRun() && api.Deref(job.Priority) > most {
				continue
			}
			out = append(out, scheduler.Victim{
				ID: a.ID, Priority: api.Deref(job.Priority), Limit: evictedAtOnce(job.Group(a.TaskGroup)),
				Since: a.CreateIndex, Number: a.Index(),
			})
		}
		return out
	}
}

// preempts reports whether a job may have others of lower priority evicted.
func preempts(c *api.SchedulerConfiguration, j *api.Job) bool {
	return c.PreemptionConfig.Of(api.Deref(j.Type))
}

// evictedAtOnce is how many instances of a group, which may be nil, should be evicted at a
// time: as many as may be moved at a time. 0: any number.
func evictedAtOnce(g *api.TaskGroup) int {
	if g == nil || g.Migrate == nil {
		return 0
	}
	return api.Deref(g.Migrate.MaxParallel)
}

// Eviction is an allocation that has to end so that another one has room, and its job, by
// whose priority it may be.
type Eviction struct {
	*api.Allocation
	Job *api.Job
}

// noteEvictions notes for whose sake who has to end. An allocation ends for the first of
// those that count on its room.
func (o *Placed) noteEvictions(snap store.Snapshot) {
	known := make(map[string]bool)
	for _, at := range o.All() {
		for _, id := range at.Preempted {
			a, ok := store.Get[*api.Allocation](snap, api.AllocationKey(id))
			if known[id] || !ok || !a.WantsRun() {
				continue
			}
			known[id] = true
			if o.Evictions == nil {
				o.Evictions = make(map[string][]Eviction)
			}
			job, _ := store.Get[*api.Job](snap, api.JobKey(a.Namespace, a.JobID))
			o.Evictions[at.AllocID] = append(o.Evictions[at.AllocID], Eviction{a, job})
		}
	}
}
