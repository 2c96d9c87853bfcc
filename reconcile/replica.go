package reconcile

import (
	"context"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// Replica is the part of a store.Store that controllers run on. Every store is one; so is
// a mirror of a cluster's objects in a program outside of its servers (package remote).
type Replica interface {
	Apply(ctx context.Context, txn store.Txn) (store.Result, error)
	Snapshot() store.Snapshot
	Sync(ctx context.Context) error
	WaitIndex(ctx context.Context, index uint64) error
	Watch(after uint64, kinds ...api.Kind) store.Feed
	Leader() store.LeaderInfo
	LeaderChanged() <-chan struct{}
}
