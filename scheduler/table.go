package scheduler

import (
	"maps"
	"slices"
)

// table gives small numbers to values that many share, and forgets a value when
// nobody uses it any more. Numbers of forgotten values are given out again.
type table[K comparable] struct {
	index   map[K]int32
	entries []tableEntry[K]
	free    []int32
}

type tableEntry[K comparable] struct {
	key  K
	refs int32
}

// acquire returns the number of a value and counts one more user of it.
func (t *table[K]) acquire(key K) int32 {
	id, ok := t.index[key]
	if !ok {
		if t.index == nil {
			t.index = map[K]int32{}
		}
		if last := len(t.free) - 1; last >= 0 {
			id, t.free = t.free[last], t.free[:last]
		} else {
			id = int32(len(t.entries))
			t.entries = append(t.entries, tableEntry[K]{})
		}
		t.entries[id].key = key
		t.index[key] = id
	}
	t.entries[id].refs++
	return id
}

// release counts one user less and reports whether it was the last.
func (t *table[K]) release(id int32) (gone bool) {
	e := &t.entries[id]
	e.refs--
	if e.refs > 0 {
		return false
	}
	delete(t.index, e.key)
	*e = tableEntry[K]{}
	t.free = append(t.free, id)
	return true
}

func (t *table[K]) key(id int32) K { return t.entries[id].key }

// lookup returns the number of a value that is in use.
func (t *table[K]) lookup(key K) (id int32, ok bool) {
	id, ok = t.index[key]
	return id, ok
}

func (t *table[K]) clone() table[K] {
	return table[K]{index: maps.Clone(t.index), entries: slices.Clone(t.entries), free: slices.Clone(t.free)}
}
