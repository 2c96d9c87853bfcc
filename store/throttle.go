package store

import (
	"context"
	"fmt"

	"golang.org/x/sync/semaphore"
)

// Throttled is a store by which only so many objects are written at a time: whoever comes
// then waits for his turn. It is for those who write by the thousand. A linearizable read
// waits until all is applied that was committed before, and so for no more than that many
// objects, as do writes that go past the throttle.
type Throttled struct {
	Store
	room *semaphore.Weighted
	most int64
}

// Throttle returns a store by which up to so many objects are written at a time. A
// transaction of more goes alone.
func Throttle(s Store, objects int) *Throttled {
	return &Throttled{Store: s, room: semaphore.NewWeighted(int64(objects)), most: int64(objects)}
}

// Apply implements Store. Waiting ends with the context's error, and nothing written.
func (t *Throttled) Apply(ctx context.Context, txn Txn) (Result, error) {
	n := min(int64(len(txn.Writes)), t.most)
	if err := t.room.Acquire(ctx, n); err != nil {
		return Result{}, fmt.Errorf("wait for others to be written: %w", err)
	}
	defer t.room.Release(n)
	return t.Store.Apply(ctx, txn)
}

// Lanes is a store by which small transactions do not wait behind large ones.
type Lanes struct {
	Store       // for all others, and everything else
	Quick Store // for transactions of up to Few writes
	Few   int
}

// Apply implements Store.
func (l Lanes) Apply(ctx context.Context, txn Txn) (Result, error) {
	if len(txn.Writes) <= l.Few {
		return l.Quick.Apply(ctx, txn)
	}
	return l.Store.Apply(ctx, txn)
}
