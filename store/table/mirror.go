package table

import "github.com/droverhq/drover/store"

// Mirror makes writes that were made elsewhere, at the index that they were made at there,
// which must be higher than the present one. The objects have their indexes, and are
// owned by the tables. Size is as in Apply.
func (t *Tables) Mirror(index uint64, writes []Write, size int) {
	t.mu.Lock()
	t.index = index
	t.latest.Store(nil)
	changes := make([]store.Change, 0, len(writes))
	for _, w := range writes {
		c := store.Change{Index: index, Key: w.Key, New: w.Object}
		switch r, known := t.relation(w.Key.Kind); {
		case w.Object != nil:
			c.Old = t.mustRelation(w.Key.Kind).put(w.Key, w.Object)
		case known:
			c.Old = r.delete(w.Key)
		}
		if c.Old != nil || c.New != nil {
			changes = append(changes, c)
		}
	}
	t.mu.Unlock()
	t.feed.publish(index, changes, size)
}
