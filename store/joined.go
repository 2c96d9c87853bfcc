package store

import (
	"iter"

	"github.com/droverhq/drover/api"
)

// Joined yields the allocations that a query selects, which may be of an index that
// statuses have too, each with its status, or nil. Both are in the order of their IDs, so
// the two lists are walked side by side: of thousands that is several times as fast as
// to look each status up.
func Joined(s Snapshot, q Query) iter.Seq2[*api.Allocation, *api.AllocationStatus] {
	return func(yield func(*api.Allocation, *api.AllocationStatus) bool) {
		next, stop := iter.Pull(List[*api.AllocationStatus](s, q))
		defer stop()
		status, more := next()
		for a := range List[*api.Allocation](s, q) {
			for more && status.ID < a.ID {
				status, more = next()
			}
			var own *api.AllocationStatus
			if more && status.ID == a.ID {
				own = status
			}
			if !yield(a, own) {
				return
			}
		}
	}
}
