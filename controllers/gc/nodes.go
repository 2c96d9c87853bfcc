package gc

import (
	"iter"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// nodes finds those that are down and have no allocations, not even ended ones.
func nodes(a age) iter.Seq[unit] {
	return func(yield func(unit) bool) {
		down := store.Query{Index: store.ByStatus, Value: api.NodeDown}
		for status := range store.List[*api.NodeStatus](a, down) {
			id := status.NodeID
			node, ok := store.Get[*api.Node](a, api.Key{Kind: api.KindNode, ID: id})
			if !ok || !a.old(status.UpdatedAt, a.o.NodeThreshold) ||
				store.Count[*api.Allocation](a, store.Query{Index: store.ByNode, Value: id}) > 0 {
				continue
			}
			sessionKey := api.Key{Kind: api.KindNodeSession, ID: id}
			session, _ := store.Get[*api.NodeSession](a, sessionKey)
			if session != nil && session.Connected {
				continue
			}
			u := unit{
				conditions: []store.Condition{store.Unchanged(node), store.Unchanged(status), unlessWritten(session, sessionKey)},
				deletes:    []api.Key{node.Key(), status.Key()},
			}
			if session != nil {
				u.deletes = append(u.deletes, sessionKey)
			}
			if intent := (api.Key{Kind: api.KindNodeIntent, ID: id}); has(a, intent) {
				u.deletes = append(u.deletes, intent)
			}
			if !yield(u) {
				return
			}
		}
	}
}

func has(s store.Snapshot, key api.Key) bool {
	_, ok := s.Get(key)
	return ok
}
