package job

import (
	"slices"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/scheduler"
	"github.com/droverhq/drover/store"
)

// others is what there is of other jobs when room is looked for.
type others struct {
	snap store.Snapshot
	// victims returns the allocations of a node of which some may be preempted; nil: none may.
	victims func(node string) []scheduler.Victim
}

// victims returns what the engine asks about the allocations of a node when a job finds no
// room; nil if it may preempt nobody. Only what is committed can be told to end.
func (f *fleet) victims(snap store.Snapshot, j *api.Job) func(node string) []scheduler.Victim {
	if j == nil || !preempts(Configuration(snap), j) {
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

// evicted is an allocation that has to end, and its job, by whose priority it may be.
type evicted struct {
	*api.Allocation
	job *api.Job
}

// noteEvicted notes for whose sake who has to end. An allocation ends for the first of
// those that count on its room.
func (o *placed) noteEvicted(snap store.Snapshot, p *plan) {
	known := make(map[string]bool)
	o.eachIn(func(group int, at *scheduler.Placement) {
		for _, id := range at.Preempted {
			a, ok := store.Get[*api.Allocation](snap, allocationKey(id))
			if known[id] || !ok || !a.WantsRun() {
				continue
			}
			known[id] = true
			if o.evicted == nil {
				o.evicted = make(map[string][]evicted)
			}
			job, _ := store.Get[*api.Job](snap, api.JobKey(a.Namespace, a.JobID))
			o.evicted[at.AllocID] = append(o.evicted[at.AllocID], evicted{a, job})
			p.groups[group].counts.Preemptions++
		}
	})
}

// evict writes that allocations end so that another one has room, for as long as their jobs
// are no more important.
func (c *composer) evict(all []evicted, by string) {
	for _, one := range all {
		a := *one.Allocation
		a.DesiredStatus = api.AllocDesiredEvict
		a.DesiredDescription = "Preempted by alloc ID " + by
		a.PreemptedByAllocation = by
		a.ModifyTime = c.view.now.UnixNano()
		c.put(&a)
		txn := c.last()
		if unchanged := store.Unchanged(one.job); !slices.Contains(txn.Conditions, unchanged) {
			txn.Conditions = append(txn.Conditions, unchanged)
		}
	}
}

// wasPreempted reports whether it was told to end so that another one has room.
func (i *instance) wasPreempted() bool { return i.DesiredStatus == api.AllocDesiredEvict }
