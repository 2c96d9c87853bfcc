package table

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// Options sizes Tables. The zero value is right for a server.
type Options struct {
	// FeedChanges and FeedBytes bound what the feed keeps for readers that are
	// behind: changes, and the encoded bytes of the transactions that they came in
	// (memory is some two times that). Smaller values make slow readers resync
	// more often. Defaults: 65,536 and 16 MiB. Of many objects more is kept: who
	// resyncs reads them all, and must not be left behind again meanwhile.
	FeedChanges int
	FeedBytes   int
	// NewChanges is how many of the latest changes keep their objects at hand. The
	// objects of older ones, if they are of a kind that is kept in its stored form, are
	// made again for whoever reads them. Default: 4,096, some 8 MB.
	NewChanges int
}

// Tables holds all live objects and the feed of their changes. One goroutine at a time
// may call Apply, Load and Reset; everything else may be called concurrently.
type Tables struct {
	// mu guards what follows. Apply holds it for one transaction at a time, so that
	// no snapshot shows half of one.
	mu    sync.Mutex
	index uint64
	content
	buf []byte // for values
	// latest is the snapshot of index, or nil after a write. It may be read without mu.
	latest atomic.Pointer[Snapshot]

	feed *hub
}

// Write puts an object, which Tables then owns, or deletes the one at Key.
type Write struct {
	Key    api.Key    // of Object, if there is one
	Object api.Object // nil: delete
	// Stored is the stored form of Object, which Tables copies. Without it the object is
	// kept as it is, which takes more memory.
	Stored []byte
}

// Applied is the outcome of a transaction.
type Applied struct {
	// Index is where the transaction was applied; for one without writes, the index
	// at which its conditions held.
	Index uint64
	// Changes are the objects that were written, in the order of the writes, without
	// deletes of what did not exist. They are shared with readers of the feed.
	Changes []store.Change
}

// New returns empty tables at index 0.
func New(o Options) *Tables {
	if o.FeedChanges == 0 {
		o.FeedChanges = 1 << 16
	}
	if o.FeedBytes == 0 {
		o.FeedBytes = 16 << 20
	}
	if o.NewChanges == 0 {
		o.NewChanges = 1 << 12
	}
	t := &Tables{content: newContent()}
	t.feed = newHub(o, t.slots)
	return t
}

// Apply judges the conditions and, if all hold, makes the writes at the next index
// and publishes them. If one does not, it changes nothing and returns the conflict.
// Size is the number of bytes of the encoded transaction, for the feed's bound.
func (t *Tables) Apply(conditions []store.Condition, writes []Write, size int) (Applied, *store.ConflictError) {
	t.mu.Lock()
	for _, c := range conditions {
		if have := t.modified(c.Key); have != c.ModifyIndex {
			t.mu.Unlock()
			return Applied{}, &store.ConflictError{Key: c.Key, Want: c.ModifyIndex, Have: have}
		}
	}
	if len(writes) == 0 {
		defer t.mu.Unlock()
		return Applied{Index: t.index}, nil
	}
	t.index++
	b := t.write(writes, size, t.stamp)
	t.mu.Unlock()
	t.feed.publish(b)
	return Applied{Index: b.index, Changes: b.changes}, nil
}

// modified returns the index at which the object at key was last written, or 0.
func (t *Tables) modified(key api.Key) uint64 {
	r, ok := t.relation(key.Kind)
	if !ok {
		return 0
	}
	rec, ok := r.find(key)
	if !ok {
		return 0
	}
	_, modify := rec.indexes()
	return modify
}

// stamp sets the indexes of an object that is about to be written.
func (t *Tables) stamp(w *Write, r relation) {
	create := t.index
	if old, ok := r.find(w.Key); ok {
		create, _ = old.indexes()
	}
	w.Object.SetIndexes(create, t.index)
}

// write makes writes at the present index, each after a call of before, and returns them
// for the feed. The caller holds mu.
func (t *Tables) write(writes []Write, size int, before func(*Write, relation)) batch {
	t.latest.Store(nil)
	b := batch{index: t.index, bytes: size, changes: make([]store.Change, 0, len(writes)), deltas: make([]delta, 0, len(writes))}
	for i := range writes {
		w := &writes[i]
		c, d := store.Change{Index: t.index, Key: w.Key, New: w.Object}, delta{key: w.Key}
		if w.Object == nil {
			r, ok := t.relation(w.Key.Kind)
			if !ok {
				continue
			}
			if c.Old, d.old = r.delete(w.Key); d.old == nil {
				continue
			}
			b.changes, b.deltas = append(b.changes, c), append(b.deltas, d)
			continue
		}
		r := t.mustRelation(w.Key.Kind)
		before(w, r)
		d.new, t.buf = newRecord(r, w.Object, w.Stored, t.buf)
		c.Old, d.old = r.put(w.Key, w.Object, d.new)
		b.changes, b.deltas = append(b.changes, c), append(b.deltas, d)
		if d.new.stored != "" {
			d.new.object.Store(&b.changes[len(b.changes)-1].New)
		}
	}
	b.objects = t.size()
	return b
}

// Index returns the index of the last transaction.
func (t *Tables) Index() uint64 {
	if s := t.latest.Load(); s != nil {
		return s.index
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.index
}

// Snapshot returns all objects as they are now.
func (t *Tables) Snapshot() *Snapshot {
	if s := t.latest.Load(); s != nil {
		return s
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.latest.Load(); s != nil {
		return s
	}
	s := &Snapshot{index: t.index, slots: t.slots, tables: make([]frozen, len(t.tables))}
	for i, r := range t.tables {
		s.tables[i] = r.freeze()
	}
	t.latest.Store(s)
	return s
}

// Watch returns the changes after index (exclusive) of the kinds, or of all.
func (t *Tables) Watch(after uint64, kinds ...api.Kind) store.Feed { return t.feed.watch(after, kinds) }

// WaitIndex returns once index has been applied.
func (t *Tables) WaitIndex(ctx context.Context, index uint64) error {
	return t.feed.waitIndex(ctx, index)
}

// Close ends all feeds and waits: their readers get store.ErrClosed.
func (t *Tables) Close() { t.feed.close() }
