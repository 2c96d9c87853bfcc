package httpapi

import (
	"context"

	"github.com/droverhq/drover/store"
)

// conflictTries is how often a change is planned again because somebody else wrote
// what it read. Each try loses only to a write that succeeded.
const conflictTries = 16

// change plans a transaction and applies it, again if what it read was written in
// between. It returns the index at which it was applied. The first plan is made on the
// state at hand, which may be behind: its conditions then fail, and what it refuses is
// believed only of the newest state.
func (a *API) change(ctx context.Context, plan func(s store.Snapshot) (store.Txn, error)) (uint64, error) {
	for try := 0; ; try++ {
		txn, err := plan(a.store.Snapshot())
		if err == nil {
			var result store.Result
			if result, err = a.store.Apply(ctx, txn); err == nil {
				return result.Index, nil
			}
			if !isConflict(err) {
				return 0, err
			}
		} else if try > 0 {
			return 0, err
		}
		if try == conflictTries {
			return 0, err
		}
		if err := a.store.Sync(ctx); err != nil {
			return 0, err
		}
	}
}
