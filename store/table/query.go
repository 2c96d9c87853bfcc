package table

import (
	"iter"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// span is the rows from a position on (inclusive) up to another (exclusive; all, if it
// is open).
type span struct {
	from, to position
	open     bool
}

// scan yields what the query selects.
func (r *rows[T]) scan(q store.Query) iter.Seq[api.Object] {
	return func(yield func(api.Object) bool) {
		filter := r.filter(q)
		for row := range r.selected(q) {
			o := r.read(r.objects.get(row))
			if filter && r.spec.namespace(o) != q.Namespace {
				continue
			}
			if !yield(o) {
				return
			}
		}
	}
}

// keys yields the keys of what the query selects. It reads objects only where their keys
// say too little.
func (r *rows[T]) keys(q store.Query) iter.Seq[api.Key] {
	return func(yield func(api.Key) bool) {
		filter := r.filter(q)
		for row := range r.selected(q) {
			if filter && r.spec.namespace(r.read(r.objects.get(row))) != q.Namespace {
				continue
			}
			if !yield(r.key(row)) {
				return
			}
		}
	}
}

// selected yields the rows that the query selects, and of a kind whose keys have no
// namespace those of other namespaces, too.
func (r *rows[T]) selected(q store.Query) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		t, ok := r.tree(q)
		if !ok {
			return
		}
		for s := range r.spans(t, q) {
			left := r.width(t, s)
			for row := range t.ascend(s.from, r.compare) {
				if left--; left < 0 {
					break
				}
				if !yield(row) {
					return
				}
			}
		}
	}
}

// width returns how many rows of the tree are in the span.
func (r *rows[T]) width(t tree, s span) int {
	end := t.len()
	if !s.open {
		end = t.rank(s.to, r.compare)
	}
	return max(0, end-t.rank(s.from, r.compare))
}

// count returns how many objects the query selects. It reads them only for a prefix in
// one of several namespaces of a kind whose key has none.
func (r *rows[T]) count(q store.Query) int {
	t, ok := r.tree(q)
	if !ok {
		return 0
	}
	if r.filter(q) {
		if q.IDPrefix == "" && q.After == nil {
			n, _ := r.inNamespace.Get(q.Namespace)
			return n
		}
		n := 0
		for range r.scan(q) {
			n++
		}
		return n
	}
	n := 0
	for s := range r.spans(t, q) {
		n += r.width(t, s)
	}
	return n
}

// tree returns the tree that lists what the query selects, and perhaps more.
func (r *rows[T]) tree(q store.Query) (tree, bool) {
	if q.Index == "" {
		return r.all, true
	}
	for i, ix := range r.spec.indexes {
		if ix.name == q.Index {
			return r.indexes[i].Get(q.Value)
		}
	}
	return tree{}, false
}

// filter reports whether the query selects by a namespace that keys do not have, and
// not all objects are in it.
func (r *rows[T]) filter(q store.Query) bool {
	if q.Index != "" || q.Namespace == "" || r.spec.namespaced || r.spec.namespace == nil {
		return false
	}
	n, _ := r.inNamespace.Get(q.Namespace)
	return n != r.all.len()
}

// spans yields, in order, the parts of the tree that the query selects.
func (r *rows[T]) spans(t tree, q store.Query) iter.Seq[span] {
	return func(yield func(span) bool) {
		clip := func(s span) span { return s }
		if q.After != nil {
			after := r.position(*q.After)
			if after.namespace != "" && !r.spec.namespaced {
				return // behind all keys without a namespace
			}
			after.id += "\x00" // right behind it
			clip = func(s span) span {
				if s.from.before(after) {
					s.from = after
				}
				return s
			}
		}
		switch {
		case q.IDPrefix == "" && (q.Index != "" || q.Namespace == ""):
			yield(clip(span{open: true}))
		case !r.spec.namespaced:
			if q.Namespace == "" || r.spec.namespace != nil {
				yield(clip(r.prefixed("", q.IDPrefix)))
			}
		case q.Namespace != "":
			yield(clip(r.prefixed(q.Namespace, q.IDPrefix)))
		default:
			for ns := range r.namespaces(t) {
				if !yield(clip(r.prefixed(ns, q.IDPrefix))) {
					return
				}
			}
		}
	}
}

func (p position) before(q position) bool {
	return p.namespace < q.namespace || p.namespace == q.namespace && p.id < q.id
}

// namespaces yields the namespaces that occur in the keys of a tree, skipping from one
// to the next.
func (r *rows[T]) namespaces(t tree) iter.Seq[string] {
	return func(yield func(string) bool) {
		next, more := position{}, true
		for more {
			more = false
			for row := range t.ascend(next, r.compare) {
				ns := r.key(row).Namespace
				next, more = newPosition(true, ns+"\x01", ""), yield(ns)
				break
			}
		}
	}
}

// prefixed is the span of the IDs of a namespace that start with prefix.
func (r *rows[T]) prefixed(namespace, prefix string) span {
	s := span{from: newPosition(r.spec.namespaced, namespace, prefix)}
	end := []byte(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			s.to = newPosition(r.spec.namespaced, namespace, string(end[:i+1]))
			return s
		}
	}
	if r.spec.namespaced { // up to the next namespace
		s.to = newPosition(true, namespace+"\x01", "")
		return s
	}
	s.open = true
	return s
}
