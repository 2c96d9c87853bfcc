package table

import (
	"cmp"
	"iter"
	"slices"
	"strings"

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
	// packed says that the stored form is kept, and the object only while it is new.
	// The key is the ID, the first field of the stored form.
	packed bool
}

// indexSpec is a secondary index: objects by a value. Those without one ("") are
// not listed.
type indexSpec[T api.Object] struct {
	name  store.IndexName
	value func(T) string
	// values takes the place of value where an object is listed under several, all
	// different.
	values func(T) []string
}

// relation is a table of any type. The writer alone calls put, delete and freeze.
type relation interface {
	kind() api.Kind
	size() int
	// packs reports whether records with the stored form are to be put.
	packs() bool
	find(key api.Key) (*record, bool)
	// put and delete return what was there, which is nil if nothing was.
	put(key api.Key, o api.Object, r *record) (old api.Object, was *record)
	delete(key api.Key) (old api.Object, was *record)
	freeze() frozen
}

// frozen is a relation at one moment.
type frozen interface {
	get(key api.Key) (api.Object, bool)
	scan(q store.Query) iter.Seq[api.Object]
	keys(q store.Query) iter.Seq[api.Key]
	count(q store.Query) int
}

// rows are the objects of one kind. Each has a row number for as long as it exists;
// the trees list the numbers.
type rows[T api.Object] struct {
	spec    *spec[T]
	objects pages[*record]
	all     tree
	indexes []*postings // in the order of spec.indexes
	// inNamespace counts objects by spec.namespace.
	inNamespace *btree.Map[string, int]
}

// postings are the objects that have a value of an index, for every value.
type postings = btree.Map[string, tree]

// valuesDegree makes nodes of at most 15 values: as many objects have different ones,
// most nodes are copied once between two snapshots.
const valuesDegree = 8

// live is the table that the writer changes.
type live[T api.Object] struct {
	rows[T]
	epoch  uint64
	next   uint32   // the first row that was never used
	free   []uint32 // rows of deleted objects
	frozen *rows[T] // what freeze returned, until the next write
}

func newLive[T api.Object](s *spec[T]) *live[T] {
	l := &live[T]{epoch: 1, rows: rows[T]{spec: s, inNamespace: btree.NewMap[string, int](valuesDegree)}}
	for range s.indexes {
		l.indexes = append(l.indexes, btree.NewMap[string, tree](valuesDegree))
	}
	return l
}

func (l *live[T]) kind() api.Kind { return l.spec.kind }

func (l *live[T]) size() int { return int(l.next) - len(l.free) }

func (l *live[T]) packs() bool { return l.spec.packed }

// freeze returns the table as it is now. Later writes do not change what it returned.
func (l *live[T]) freeze() frozen {
	if l.frozen == nil {
		f := l.rows
		f.inNamespace = l.inNamespace.Copy()
		f.indexes = make([]*postings, len(l.indexes))
		for i, ix := range l.indexes {
			f.indexes[i] = ix.Copy()
		}
		l.frozen = &f
		l.epoch++
	}
	return l.frozen
}

// put stores an object under its key, as r keeps it.
func (l *live[T]) put(key api.Key, o api.Object, r *record) (api.Object, *record) {
	l.frozen = nil
	obj := o.(T)
	p := l.position(key)
	row, replaced := l.all.get(p, l.compare)
	if !replaced {
		l.insert(p, obj, r)
		return nil, nil
	}
	was := l.objects.get(row)
	old := l.read(was)
	l.objects.set(row, r, l.epoch)
	for i, ix := range l.spec.indexes {
		if ix.values != nil {
			if was, is := ix.values(old), ix.values(obj); !slices.Equal(was, is) {
				l.unlistAll(i, old, p)
				l.listAll(i, obj, p, row)
			}
		} else if was, is := ix.value(old), ix.value(obj); was != is {
			l.unlist(i, was, p)
			l.list(i, is, p, row)
		}
	}
	l.countIn(old, -1)
	l.countIn(obj, +1)
	return old, was
}

func (l *live[T]) insert(p position, obj T, r *record) {
	row := l.next
	if n := len(l.free); n > 0 {
		row, l.free = l.free[n-1], l.free[:n-1]
	} else {
		l.next++
	}
	l.objects.set(row, r, l.epoch)
	l.all = l.all.insert(p, row, l.compare, l.epoch)
	for i := range l.spec.indexes {
		l.listAll(i, obj, p, row)
	}
	l.countIn(obj, +1)
}

// delete removes the object at key.
func (l *live[T]) delete(key api.Key) (api.Object, *record) {
	p := l.position(key)
	row, ok := l.all.get(p, l.compare)
	if !ok {
		return nil, nil
	}
	l.frozen = nil
	was := l.objects.get(row)
	old := l.read(was)
	for i := range l.spec.indexes {
		l.unlistAll(i, old, p)
	}
	l.all = l.all.delete(p, l.compare, l.epoch)
	l.countIn(old, -1)
	l.objects.set(row, nil, l.epoch)
	l.free = append(l.free, row)
	return old, was
}

func (l *live[T]) listAll(index int, o T, p position, row uint32) {
	ix := &l.spec.indexes[index]
	if ix.values == nil {
		l.list(index, ix.value(o), p, row)
		return
	}
	for _, value := range ix.values(o) {
		l.list(index, value, p, row)
	}
}

func (l *live[T]) unlistAll(index int, o T, p position) {
	ix := &l.spec.indexes[index]
	if ix.values == nil {
		l.unlist(index, ix.value(o), p)
		return
	}
	for _, value := range ix.values(o) {
		l.unlist(index, value, p)
	}
}

func (l *live[T]) list(index int, value string, p position, row uint32) {
	if value == "" {
		return
	}
	t, listed := l.indexes[index].Get(value)
	more := t.insert(p, row, l.compare, l.epoch)
	switch {
	case !listed:
		value = strings.Clone(value) // it may be part of something larger
	case more == t: // it was changed in place
		return
	}
	l.indexes[index].Set(value, more)
}

func (l *live[T]) unlist(index int, value string, p position) {
	if value == "" {
		return
	}
	t, _ := l.indexes[index].Get(value)
	switch less := t.delete(p, l.compare, l.epoch); {
	case less.root == nil:
		l.indexes[index].Delete(value)
	case less != t: // or it was changed in place
		l.indexes[index].Set(value, less)
	}
}

func (l *live[T]) countIn(o T, more int) {
	if l.spec.namespace == nil {
		return
	}
	ns := l.spec.namespace(o)
	n, known := l.inNamespace.Get(ns)
	if !known {
		ns = strings.Clone(ns)
	}
	if n += more; n == 0 {
		l.inNamespace.Delete(ns)
		return
	}
	l.inNamespace.Set(ns, n)
}

func (r *rows[T]) position(k api.Key) position {
	return newPosition(r.spec.namespaced, k.Namespace, k.ID)
}

// read returns the object of a record.
func (r *rows[T]) read(rec *record) T { return rec.get(r.spec.kind).(T) }

// key returns the key of a row.
func (r *rows[T]) key(row uint32) api.Key {
	rec := r.objects.get(row)
	if id, ok := rec.id(); ok {
		return api.Key{Kind: r.spec.kind, ID: id}
	}
	return rec.get(r.spec.kind).Key()
}

// compare compares a position with the key of a row.
func (r *rows[T]) compare(p position, row uint32) int {
	rec := r.objects.get(row)
	if order, ok := rec.compareID(p.id); ok {
		return cmp.Or(cmp.Compare(p.namespace, ""), order)
	}
	key := rec.get(r.spec.kind).Key()
	return cmp.Or(cmp.Compare(p.namespace, key.Namespace), cmp.Compare(p.id, key.ID))
}

func (r *rows[T]) find(key api.Key) (*record, bool) {
	row, ok := r.all.get(r.position(key), r.compare)
	if !ok {
		return nil, false
	}
	return r.objects.get(row), true
}

func (r *rows[T]) get(key api.Key) (api.Object, bool) {
	rec, ok := r.find(key)
	if !ok {
		return nil, false
	}
	return rec.get(r.spec.kind), true
}
