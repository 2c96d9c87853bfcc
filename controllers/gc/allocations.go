package gc

import (
	"iter"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// allocations finds those that have ended and hold no place in a job.
func allocations(a age) iter.Seq[unit] {
	return func(yield func(unit) bool) {
		awaited := a.awaited()
		for alloc := range store.List[*api.Allocation](a, store.Query{}) {
			status := a.status(alloc)
			if !ended(alloc, status) || awaited[alloc.ID] || !a.old(lastWritten(alloc, status), a.o.EvalThreshold) {
				continue
			}
			u := unit{
				conditions: []store.Condition{store.Unchanged(alloc), unlessWritten(status, statusKey(alloc.ID))},
				deletes:    []api.Key{alloc.Key()},
			}
			if status != nil {
				u.deletes = append(u.deletes, status.Key())
			}
			if alloc.WantsRun() {
				job := a.job(alloc.Namespace, alloc.JobID)
				if job != nil && !job.Stopped() {
					continue // it holds its place: without it the job would get another
				}
				u.conditions = append(u.conditions, jobCondition(job, alloc.Namespace, alloc.JobID))
			}
			if !yield(u) {
				return
			}
		}
	}
}

// awaited returns the predecessors of allocations that have not started: their data
// may have to be taken over.
func (a age) awaited() map[string]bool {
	out := make(map[string]bool)
	for alloc := range store.List[*api.Allocation](a, store.Query{}) {
		if alloc.PreviousAllocation == "" || !alloc.WantsRun() {
			continue
		}
		if state, _ := api.ClientStatus(alloc, a.status(alloc)); state == api.AllocClientPending {
			out[alloc.PreviousAllocation] = true
		}
	}
	return out
}
