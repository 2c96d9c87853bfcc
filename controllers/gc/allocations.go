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
		for alloc, status := range store.Joined(a, store.Query{}) {
			if !ended(alloc, status) || awaited[alloc.ID] || a.counted(alloc) || !a.goes(api.KindAllocation, lastWritten(alloc, status), a.o.EvalThreshold) {
				continue
			}
			holds, conditions := a.holds(alloc, status)
			if holds {
				continue
			}
			u := unit{
				conditions: append(conditions, store.Unchanged(alloc), unlessWritten(status, statusKey(alloc.ID))),
				deletes:    []api.Key{alloc.Key()},
			}
			if status != nil {
				u.deletes = append(u.deletes, status.Key())
			}
			if !yield(u) {
				return
			}
		}
	}
}

// counted reports whether a deployment that goes on counts an allocation.
func (a age) counted(alloc *api.Allocation) bool {
	if alloc.DeploymentID == "" {
		return false
	}
	d, ok := store.Get[*api.Deployment](a, api.Key{Kind: api.KindDeployment, ID: alloc.DeploymentID})
	return ok && d.Active()
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
