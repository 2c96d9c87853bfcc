package table

import (
	"iter"
	"maps"
	"slices"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// Snapshot is a consistent view of all objects. It implements store.Snapshot.
type Snapshot struct {
	index  uint64
	slots  map[api.Kind]int
	tables []frozen
}

// Index implements store.Snapshot.
func (s *Snapshot) Index() uint64 { return s.index }

func (s *Snapshot) table(k api.Kind) (frozen, bool) {
	i, ok := s.slots[k]
	if !ok {
		return nil, false
	}
	return s.tables[i], true
}

// Get implements store.Snapshot.
func (s *Snapshot) Get(key api.Key) (api.Object, bool) {
	t, ok := s.table(key.Kind)
	if !ok {
		return nil, false
	}
	return t.get(key)
}

// Scan implements store.Snapshot.
func (s *Snapshot) Scan(q store.Query) iter.Seq[api.Object] {
	t, ok := s.table(q.Kind)
	if !ok {
		return func(func(api.Object) bool) {}
	}
	return t.scan(q)
}

// Keys implements store.Snapshot.
func (s *Snapshot) Keys(q store.Query) iter.Seq[api.Key] {
	t, ok := s.table(q.Kind)
	if !ok {
		return func(func(api.Key) bool) {}
	}
	return t.keys(q)
}

// Count implements store.Snapshot.
func (s *Snapshot) Count(q store.Query) int {
	t, ok := s.table(q.Kind)
	if !ok {
		return 0
	}
	return t.count(q)
}

// All yields every object, ordered by kind, namespace and ID.
func (s *Snapshot) All() iter.Seq[api.Object] {
	return func(yield func(api.Object) bool) {
		for _, k := range slices.Sorted(maps.Keys(s.slots)) {
			for o := range s.Scan(store.Query{Kind: k}) {
				if !yield(o) {
					return
				}
			}
		}
	}
}
