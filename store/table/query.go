package table

import (
	"iter"
	"sort"
	"strings"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// span is the rows from a row key on (inclusive) up to another (exclusive; all, if
// empty).
type span struct{ from, to string }

// scan yields what the query selects.
func (r *rows[T]) scan(q store.Query) iter.Seq[api.Object] {
	return func(yield func(api.Object) bool) {
		t := r.tree(q)
		if t == nil {
			return
		}
		for s := range r.spans(t, q) {
			more := true
			t.Ascend(s.from, func(row string, o T) bool {
				if s.to != "" && row >= s.to {
					return false
				}
				more = yield(o)
				return more
			})
			if !more {
				return
			}
		}
	}
}

// count returns how many objects the query selects.
func (r *rows[T]) count(q store.Query) int {
	t := r.tree(q)
	if t == nil {
		return 0
	}
	n := 0
	for s := range r.spans(t, q) {
		n += max(0, rank(t, s.to, t.Len())-rank(t, s.from, 0))
	}
	return n
}

// tree returns the tree that holds what the query selects; nil if nothing does.
func (r *rows[T]) tree(q store.Query) *tree[T] {
	name, value := q.Index, q.Value
	if name == "" && q.Namespace != "" && !r.spec.namespaced {
		name, value = byNamespace, q.Namespace
	}
	if name == "" {
		return r.all
	}
	for i, ix := range r.spec.indexes {
		if ix.name == name {
			if p, ok := r.indexes[i].Get(value); ok {
				return p.all
			}
		}
	}
	return nil
}

// spans yields, in order, the parts of the tree that the query selects.
func (r *rows[T]) spans(t *tree[T], q store.Query) iter.Seq[span] {
	after := ""
	if q.After != nil {
		if q.After.Namespace != "" && !r.spec.namespaced {
			return func(func(span) bool) {} // behind all keys without a namespace
		}
		after = r.rowKey(*q.After) + "\x00" // the first row key behind it
	}
	clip := func(s span) span { return span{max(s.from, after), s.to} }
	return func(yield func(span) bool) {
		switch {
		case q.Index != "":
			yield(clip(span{}))
		case !r.spec.namespaced:
			yield(clip(prefixed(q.IDPrefix)))
		case q.Namespace != "":
			yield(clip(prefixed(q.Namespace + "\x00" + q.IDPrefix)))
		case q.IDPrefix == "":
			yield(clip(span{}))
		default:
			for ns := range namespaces(t) {
				if !yield(clip(prefixed(ns + "\x00" + q.IDPrefix))) {
					return
				}
			}
		}
	}
}

// namespaces yields the namespaces that occur in a tree of a namespaced kind,
// skipping from one to the next.
func namespaces[T any](t *tree[T]) iter.Seq[string] {
	return func(yield func(string) bool) {
		next, found := "", true
		for found {
			found = false
			t.Ascend(next, func(row string, _ T) bool {
				ns, _, _ := strings.Cut(row, "\x00")
				next, found = ns+"\x01", yield(ns)
				return false
			})
		}
	}
}

// prefixed is the span of the row keys that start with prefix.
func prefixed(prefix string) span {
	end := []byte(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return span{prefix, string(end[:i+1])}
		}
	}
	return span{prefix, ""}
}

// rank returns how many rows come before the row key, or the given number if that
// is empty. It takes O(log² n).
func rank[T any](t *tree[T], row string, empty int) int {
	if row == "" {
		return empty
	}
	return sort.Search(t.Len(), func(i int) bool {
		k, _, _ := t.GetAt(i)
		return k >= row
	})
}
