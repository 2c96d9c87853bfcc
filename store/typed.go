package store

import (
	"iter"

	"github.com/droverhq/drover/api"
)

// Get returns the object at key. It panics if T is not the type of the key's kind.
func Get[T api.Object](s Snapshot, key api.Key) (T, bool) {
	o, ok := s.Get(key)
	if !ok {
		var none T
		return none, false
	}
	return o.(T), true
}

// List yields the objects of type T that the query selects, ordered by key. The
// query's Kind is that of T and need not be set, unless T is *api.Resource or
// *api.ResourceStatus: these are of any author-defined kind.
func List[T api.Object](s Snapshot, q Query) iter.Seq[T] {
	q.Kind = kindOf[T](q)
	return func(yield func(T) bool) {
		for o := range s.Scan(q) {
			if !yield(o.(T)) {
				return
			}
		}
	}
}

// First returns the first object of type T that the query selects.
func First[T api.Object](s Snapshot, q Query) (T, bool) {
	for o := range List[T](s, q) {
		return o, true
	}
	var none T
	return none, false
}

// Count returns how many objects of type T the query selects, without reading them.
func Count[T api.Object](s Snapshot, q Query) int {
	q.Kind = kindOf[T](q)
	return s.Count(q)
}

// kindOf is the kind of T, or the query's if T is a type of many kinds.
func kindOf[T api.Object](q Query) api.Kind {
	if k := api.KindOf[T](); k != "" {
		return k
	}
	return q.Kind
}

// Put writes an object.
func Put(o api.Object) Write { return Write{Put: o} }

// Give writes an object that the store may keep: see Write.Given.
func Give(o api.Object) Write { return Write{Put: o, Given: true} }

// Delete removes the object at key, if there is one.
func Delete(key api.Key) Write { return Write{Delete: key} }

// Unchanged is the condition that an object read from the store has not been
// written since.
func Unchanged(o api.Object) Condition {
	_, modify := o.Indexes()
	return Condition{Key: o.Key(), ModifyIndex: modify}
}

// Absent is the condition that there is no object at key.
func Absent(key api.Key) Condition { return Condition{Key: key} }
