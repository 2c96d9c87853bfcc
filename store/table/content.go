package table

import (
	"maps"
	"sync"

	"github.com/droverhq/drover/api"
)

// content is the tables by slot, and the slot of each kind.
type content struct {
	tables []relation
	slots  map[api.Kind]int // replaced, never changed: snapshots share it
}

func newContent() content {
	c := content{tables: registry()}
	c.slots = make(map[api.Kind]int, len(c.tables))
	for i, r := range c.tables {
		c.slots[r.kind()] = i
	}
	return c
}

// size is how many objects there are.
func (t *content) size() int {
	n := 0
	for _, r := range t.tables {
		n += r.size()
	}
	return n
}

func (t *content) relation(k api.Kind) (relation, bool) {
	i, ok := t.slots[k]
	if !ok {
		return nil, false
	}
	return t.tables[i], true
}

// mustRelation returns the table of a kind, and makes one for a kind that has none.
func (t *content) mustRelation(k api.Kind) relation {
	r, ok := t.relation(k)
	if !ok {
		r = further(k)
		t.slots = maps.Clone(t.slots) // snapshots read the old one
		t.slots[k] = len(t.tables)
		t.tables = append(t.tables, r)
	}
	return r
}

// Loader fills a new set of tables, which replaces another's by Reset. The tables
// of different kinds may be filled at the same time.
type Loader struct {
	mu sync.Mutex // guards content
	content
}

// NewLoader returns an empty set of tables.
func NewLoader() *Loader { return &Loader{content: newContent()} }

// Table returns a function that adds an object of the kind. The object must have its
// indexes; the loader owns it. Its stored form is as in Write. The function may not be
// called concurrently.
func (l *Loader) Table(k api.Kind) (add func(o api.Object, stored []byte)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.mustRelation(k)
	var buf []byte
	return func(o api.Object, stored []byte) {
		var rec *record
		rec, buf = newRecord(r, o, stored, buf)
		r.put(o.Key(), o, rec)
	}
}

// Reset replaces everything by what was loaded, as of index, which must not be lower
// than the present one. Readers of the feed, and those that watch from before index,
// are told to resync.
func (t *Tables) Reset(l *Loader, index uint64) {
	t.mu.Lock()
	t.content, t.index = l.content, index
	t.latest.Store(nil)
	t.mu.Unlock()
	t.feed.reset(index)
}
