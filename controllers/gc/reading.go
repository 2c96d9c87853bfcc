package gc

import (
	"context"
	"iter"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// reading is a snapshot whose lists end early when a context does: to read millions of
// objects takes seconds, which nobody who has lost leadership, or ends, should go on for.
// What is found out from a list that ended early may be wrong; so nothing is removed once
// the context has ended (collector.remove).
type reading struct {
	store.Snapshot
	ctx context.Context
}

// lookEvery is after how many objects a list looks whether it should end.
const lookEvery = 1024

// Scan implements store.Snapshot.
func (r reading) Scan(q store.Query) iter.Seq[api.Object] { return until(r.ctx, r.Snapshot.Scan(q)) }

// Keys implements store.Snapshot.
func (r reading) Keys(q store.Query) iter.Seq[api.Key] { return until(r.ctx, r.Snapshot.Keys(q)) }

// until yields what a list does until a context ends.
func until[T any](ctx context.Context, list iter.Seq[T]) iter.Seq[T] {
	return func(yield func(T) bool) {
		n := 0
		for item := range list {
			if n%lookEvery == 0 && ctx.Err() != nil {
				return
			}
			if n++; !yield(item) {
				return
			}
		}
	}
}
