package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// Client is what a reconciler reads and writes with. It belongs to one term of
// leadership: after that has ended, Apply fails. It may be used concurrently.
type Client interface {
	// Snapshot returns the objects as they are on this server: at least as new as
	// the change that woke the pass, and as every transaction that Apply returned
	// from.
	Snapshot() store.Snapshot

	// Apply writes. It adds the condition that this server still leads, and refuses
	// kinds that the controller did not declare as outputs (*UndeclaredWriteError,
	// terminal). A transaction without writes is not proposed. While controllers have much
	// of the change feed left to follow it waits: it must not be called with anything
	// locked that a mapping function locks too, the Guard say. Errors are those of
	// store.Store.Apply, and ErrDeposed. An outcome that is not known ends the term: what
	// was written under it is there for good when the next one begins, and nothing more.
	Apply(ctx context.Context, txn store.Txn) (store.Result, error)

	// Now returns the time by the manager's clock.
	Now() time.Time
}

// ErrDeposed says that another server leads now. It is not an api.ErrConflict:
// nothing here should try again.
var ErrDeposed = errors.New("leadership was lost")

// UndeclaredWriteError refuses a write of a kind that is not among the outputs of
// the controller, or that it declared only to remove.
type UndeclaredWriteError struct {
	Controller string
	Key        api.Key
}

func (e *UndeclaredWriteError) Error() string {
	return fmt.Sprintf("controller %s writes %s but does not declare it: add Writes(%q) to its builder",
		e.Controller, e.Key, e.Key.Kind)
}

// client implements Client for one controller in one term.
type client struct {
	controller string
	outputs    map[api.Kind]Ownership
	store      Replica
	clock      Clock
	term       uint64 // ModifyIndex of the Leadership object
	deposed    func() // tells the manager that the term has ended
	pace       *pace
}

func (c *client) Snapshot() store.Snapshot { return c.store.Snapshot() }

func (c *client) Now() time.Time { return c.clock.Now() }

func (c *client) Apply(ctx context.Context, txn store.Txn) (store.Result, error) {
	for _, w := range txn.Writes {
		key := w.Key()
		ownership, declared := c.outputs[key.Kind]
		if !declared || (w.Put != nil && ownership == Removes) {
			return store.Result{}, Terminal(&UndeclaredWriteError{Controller: c.controller, Key: key})
		}
	}
	if len(txn.Writes) == 0 {
		return store.Result{}, nil
	}
	if err := c.pace.wait(ctx); err != nil {
		return store.Result{}, fmt.Errorf("wait until less is left to follow: %w", err)
	}
	conditions := make([]store.Condition, 0, len(txn.Conditions)+1)
	conditions = append(conditions, store.Condition{Key: api.LeadershipKey, ModifyIndex: c.term})
	txn.Conditions = append(conditions, txn.Conditions...)

	result, err := c.store.Apply(ctx, txn)
	var conflict *store.ConflictError
	if errors.As(err, &conflict) && conflict.Key == api.LeadershipKey {
		c.deposed()
		return store.Result{}, ErrDeposed
	}
	if errors.Is(err, store.ErrOutcomeUnknown) {
		c.deposed()
		return store.Result{}, fmt.Errorf("%w: %w", ErrDeposed, err)
	}
	return result, err
}
