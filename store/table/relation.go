package table

import (
	"iter"

	"github.com/tidwall/btree"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// spec describes the objects of one kind to its table.
type spec[T api.Object] struct {
	kind       api.Kind
	namespaced bool // the key has a namespace
	// namespace returns the namespace of an object whose key has none; nil if such
	// objects have none at all.
	namespace func(T) string
	indexes   []indexSpec[T]
	// intern replaces strings that other objects have too; nil if there are none.
	intern func(T, *interner)
}

// indexSpec is a secondary index: objects by a value. Those without one ("") are
// not listed.
type indexSpec[T api.Object] struct {
	name  store.IndexName
	value func(T) string
}

// byNamespace is the index behind Query.Namespace for kinds whose key has none.
const byNamespace store.IndexName = "\x00namespace"

// relation is a table of any type. The writer alone calls put, delete and freeze.
type relation interface {
	kind() api.Kind
	get(key api.Key) (api.Object, bool)
	put(key api.Key, o api.Object) (old api.Object)
	delete(key api.Key) (old api.Object)
	freeze() frozen
}

// frozen is a relation at one moment.
type frozen interface {
	get(key api.Key) (api.Object, bool)
	scan(q store.Query) iter.Seq[api.Object]
	count(q store.Query) int
}

// tree is an ordered, copy-on-write map from a row key to an object.
type tree[T any] = btree.Map[string, T]

// rows are the objects of one kind: all, by key, and by the values of each index.
type rows[T api.Object] struct {
	spec    *spec[T]
	all     *tree[T]
	indexes []*tree[*posting[T]] // in the order of spec.indexes
}

// posting lists the objects that have one value of an index.
type posting[T any] struct {
	all   *tree[T]
	epoch uint64 // the one in which it was made; it belongs to a snapshot in later ones
}

// live is the table that the writer changes.
type live[T api.Object] struct {
	rows[T]
	interner interner
	epoch    uint64
	frozen   *rows[T] // what freeze returned, until the next write
}

func newLive[T api.Object](s *spec[T]) *live[T] {
	if s.namespace != nil {
		s.indexes = append(s.indexes, indexSpec[T]{byNamespace, s.namespace})
	}
	l := &live[T]{rows: rows[T]{spec: s, all: new(tree[T])}}
	for range s.indexes {
		l.indexes = append(l.indexes, new(tree[*posting[T]]))
	}
	return l
}

// freeze returns the table as it is now. Later writes do not change what it returned.
func (l *live[T]) freeze() frozen {
	if l.frozen == nil {
		f := &rows[T]{spec: l.spec, all: l.all.Copy(), indexes: make([]*tree[*posting[T]], len(l.indexes))}
		for i, ix := range l.indexes {
			f.indexes[i] = ix.Copy()
		}
		l.frozen = f
		l.epoch++
	}
	return l.frozen
}

func (l *live[T]) kind() api.Kind { return l.spec.kind }

// put stores an object under its key and returns the one that it replaces, or nil.
func (l *live[T]) put(key api.Key, o api.Object) api.Object {
	l.frozen = nil
	obj := o.(T)
	if l.spec.intern != nil {
		l.spec.intern(obj, &l.interner)
	}
	row := l.rowKey(key)
	old, replaced := l.all.Set(row, obj)
	for i, ix := range l.spec.indexes {
		value := ix.value(obj)
		if replaced {
			if was := ix.value(old); was != value {
				l.unlist(i, was, row)
			}
		}
		l.list(i, value, row, obj)
	}
	if !replaced {
		return nil
	}
	return old
}

// delete removes the object at key and returns it, or nil.
func (l *live[T]) delete(key api.Key) api.Object {
	row := l.rowKey(key)
	old, ok := l.all.Get(row)
	if !ok {
		return nil
	}
	l.frozen = nil
	l.all.Delete(row)
	for i, ix := range l.spec.indexes {
		l.unlist(i, ix.value(old), row)
	}
	return old
}

func (l *live[T]) list(index int, value, row string, obj T) {
	if value == "" {
		return
	}
	p, ok := l.indexes[index].Get(value)
	if !ok {
		p = &posting[T]{all: new(tree[T]), epoch: l.epoch}
		l.indexes[index].Set(value, p)
	}
	l.own(index, value, p).all.Set(row, obj)
}

func (l *live[T]) unlist(index int, value, row string) {
	if value == "" {
		return
	}
	p, ok := l.indexes[index].Get(value)
	if !ok {
		return
	}
	if p = l.own(index, value, p); p.all.Len() > 1 {
		p.all.Delete(row)
		return
	}
	l.indexes[index].Delete(value)
}

// own returns the posting, or its copy if a snapshot holds it.
func (l *live[T]) own(index int, value string, p *posting[T]) *posting[T] {
	if p.epoch == l.epoch {
		return p
	}
	p = &posting[T]{all: p.all.Copy(), epoch: l.epoch}
	l.indexes[index].Set(value, p)
	return p
}

// rowKey is the key of an object within its table; its order is that of namespace,
// then ID. Neither holds a zero byte.
func (r *rows[T]) rowKey(k api.Key) string {
	if !r.spec.namespaced && k.Namespace == "" {
		return k.ID
	}
	return k.Namespace + "\x00" + k.ID
}

func (r *rows[T]) get(key api.Key) (api.Object, bool) {
	o, ok := r.all.Get(r.rowKey(key))
	if !ok {
		return nil, false
	}
	return o, true
}
