package reconcile

import (
	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// Predicate says whether a change is of interest. It must be fast and must not
// keep state. When every key is listed (at the start of a term, or after the feed
// fell behind), it is asked with each object as if it had just been created.
type Predicate func(store.Change) bool

// MapFunc says which keys a change concerns. It must be fast: it is called for
// every change of its kind, in order, by one goroutine. The snapshot is at least as
// new as the change. An object of the change may be nil: Old of a created one, New
// of a deleted one.
type MapFunc func(store.Snapshot, store.Change) []Request

// SameKey is the MapFunc for a kind whose objects have the same key as those that
// the controller is for: AllocationStatus and Allocation, say.
func SameKey(_ store.Snapshot, c store.Change) []Request { return []Request{RequestFor(c.Key)} }

// Created passes new objects.
func Created(c store.Change) bool { return c.Old == nil && c.New != nil }

// Deleted passes deleted objects.
func Deleted(c store.Change) bool { return c.New == nil }

// Changed passes objects that were written over and differ as the function says.
// Combine it with Created, by Or, so that new objects (and those that are listed
// when a term starts) pass too.
func Changed[T api.Object](differ func(before, after T) bool) Predicate {
	return func(c store.Change) bool {
		before, ok := c.Old.(T)
		if !ok || c.New == nil {
			return false
		}
		after, ok := c.New.(T)
		return ok && differ(before, after)
	}
}

// None passes nothing.
func None(store.Change) bool { return false }

// Or passes what any of the predicates passes.
func Or(predicates ...Predicate) Predicate {
	return func(c store.Change) bool {
		for _, p := range predicates {
			if p(c) {
				return true
			}
		}
		return false
	}
}

// Not passes what the predicate does not.
func Not(p Predicate) Predicate { return func(c store.Change) bool { return !p(c) } }
