package table

// Mirror makes writes that were made elsewhere, at the index that they were made at there,
// which must be higher than the present one. The objects have their indexes, and are
// owned by the tables. Size is as in Apply.
func (t *Tables) Mirror(index uint64, writes []Write, size int) {
	t.mu.Lock()
	t.index = index
	b := t.write(writes, size, func(*Write, relation) {})
	t.mu.Unlock()
	t.feed.publish(b)
}
