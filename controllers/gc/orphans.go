package gc

import (
	"iter"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// orphans finds objects that only say something of another one, which is gone: a
// status that came in late, say. They go at any age.
func orphans(a age) iter.Seq[unit] {
	parts := []struct {
		kind  api.Kind
		whole func(api.Object) api.Key
	}{
		{api.KindJobStatus, ofKind(api.KindJob)},
		{api.KindJobAdmission, ofKind(api.KindJob)},
		{api.KindJobSubmission, ofKind(api.KindJobVersion)},
		{api.KindPeriodicLaunch, ofKind(api.KindJob)},
		{api.KindScalingEvents, ofKind(api.KindJob)},
		{api.KindDispatchToken, childOf},
		{api.KindHostVolumeClaim, claimantOf},
		{api.KindNodeStatus, ofKind(api.KindNode)},
		{api.KindNodeIntent, ofKind(api.KindNode)},
		{api.KindNodeSession, ofKind(api.KindNode)},
	}
	return func(yield func(unit) bool) {
		for status := range strays(a) {
			u := unit{
				conditions: []store.Condition{store.Unchanged(status), store.Absent(api.Key{Kind: api.KindAllocation, ID: status.ID})},
				deletes:    []api.Key{status.Key()},
			}
			if !yield(u) {
				return
			}
		}
		for _, p := range parts {
			for part := range a.Scan(store.Query{Kind: p.kind}) {
				whole := p.whole(part)
				if has(a, whole) {
					continue
				}
				if session, ok := part.(*api.NodeSession); ok && session.Connected {
					continue // its node is about to be written
				}
				u := unit{
					conditions: []store.Condition{store.Unchanged(part), store.Absent(whole)},
					deletes:    []api.Key{part.Key()},
				}
				if !yield(u) {
					return
				}
			}
		}
	}
}

// ofKind gives the key of the object of a kind that has the same name.
func ofKind(kind api.Kind) func(api.Object) api.Key {
	return func(part api.Object) api.Key {
		k := part.Key()
		k.Kind = kind
		return k
	}
}

// childOf gives the key of the job that was dispatched with a token.
func childOf(part api.Object) api.Key {
	token := part.(*api.DispatchToken)
	return api.JobKey(token.Namespace, token.ChildID)
}

// claimantOf gives the key of the job whose instance a sticky volume is for.
func claimantOf(part api.Object) api.Key {
	claim := part.(*api.HostVolumeClaim)
	return api.JobKey(claim.Namespace, claim.JobID)
}

// strays lists the statuses of allocations that are not there. Both are in the order of
// their IDs, and only what is found is read.
func strays(s store.Snapshot) iter.Seq[*api.AllocationStatus] {
	return func(yield func(*api.AllocationStatus) bool) {
		next, stop := iter.Pull(s.Keys(store.Query{Kind: api.KindAllocation}))
		defer stop()
		alloc, more := next()
		for key := range s.Keys(store.Query{Kind: api.KindAllocationStatus}) {
			for more && alloc.ID < key.ID {
				alloc, more = next()
			}
			if more && alloc.ID == key.ID {
				continue
			}
			if status, ok := store.Get[*api.AllocationStatus](s, key); ok && !yield(status) {
				return
			}
		}
	}
}
