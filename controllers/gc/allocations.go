package gc

import (
	"iter"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// allocations finds those that have ended and hold no place in a job.
func allocations(a age) iter.Seq[unit] {
	return func(yield func(unit) bool) {
		for alloc, status := range endedAllocations(a) {
			if !a.goes(api.KindAllocation, lastWritten(alloc, status), a.o.EvalThreshold) || a.counted(alloc) || a.awaited(alloc) {
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

// awaited reports whether the successor of an allocation has not started: the data of the
// one may have to be taken over by the other.
func (a age) awaited(alloc *api.Allocation) bool {
	if alloc.NextAllocation == "" {
		return false
	}
	next, ok := store.Get[*api.Allocation](a, api.AllocationKey(alloc.NextAllocation))
	if !ok || next.PreviousAllocation != alloc.ID || !next.WantsRun() {
		return false
	}
	state, _ := api.ClientStatus(next, a.status(next))
	return state == api.AllocClientPending
}

// endedAllocations yields those that have ended, each with its status or nil. It reads no
// others: of millions that run there is nothing to find out.
func endedAllocations(s store.Snapshot) iter.Seq2[*api.Allocation, *api.AllocationStatus] {
	return func(yield func(*api.Allocation, *api.AllocationStatus) bool) {
		for status := range store.List[*api.AllocationStatus](s, byEnd) {
			alloc, ok := store.Get[*api.Allocation](s, api.AllocationKey(status.ID))
			if ok && ended(alloc, status) && !yield(alloc, status) {
				return
			}
		}
		for alloc := range store.List[*api.Allocation](s, byEnd) {
			status, _ := store.Get[*api.AllocationStatus](s, statusKey(alloc.ID))
			if !status.Terminal() && ended(alloc, status) && !yield(alloc, status) {
				return
			}
		}
	}
}

var byEnd = store.Query{Index: store.ByEnd, Value: store.Ended}
