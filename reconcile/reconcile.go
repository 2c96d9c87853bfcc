package reconcile

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// Request names what is to be looked at. It carries only a key, never what
// happened: a reconciler that was woken ten times, or for no reason, or after a
// restart, does the same.
type Request struct {
	Namespace string // empty for kinds that have none
	ID        string
}

// RequestFor returns the request for the object at a key.
func RequestFor(key api.Key) Request { return Request{Namespace: key.Namespace, ID: key.ID} }

// String returns namespace/ID, for messages.
func (r Request) String() string {
	if r.Namespace == "" {
		return r.ID
	}
	return r.Namespace + "/" + r.ID
}

// Compare orders requests by namespace, then ID.
func (r Request) Compare(o Request) int {
	if c := strings.Compare(r.Namespace, o.Namespace); c != 0 {
		return c
	}
	return strings.Compare(r.ID, o.ID)
}

// Result says when to look again.
type Result struct {
	// RequeueAfter is how long from now the key is looked at again even if nothing
	// changes. 0: only when something changes. It replaces what an earlier pass over
	// the key asked for, and a change that comes first makes the pass earlier.
	RequeueAfter time.Duration
}

// Reconciler compares what is wanted with what is, for one key, and writes what is
// missing. See the package page for what that asks of it.
type Reconciler interface {
	// Reconcile makes one pass. It is never called for one key by two workers at
	// once. The context is cancelled when this server loses leadership.
	//
	// An error means: again, after a delay that grows with each failure in a row. A
	// conflict (api.ErrConflict) is no failure: the pass is made again at once, with
	// fresh reads. An error made by Terminal is recorded, and the key left alone
	// until something changes. A panic is caught, recorded and treated as an error.
	Reconcile(ctx context.Context, req Request) (Result, error)
}

// Resyncer is a Reconciler that keeps an index of the store's objects in memory,
// fed by the mapping functions of its controller (which see every change of their
// kinds, in order).
type Resyncer interface {
	Reconciler
	// Resync makes the index anew from a snapshot. Every change after the snapshot is
	// mapped after it. It is called at the start of a term, before the first pass,
	// and when the feed fell behind and changes were missed. It is never called at
	// the same time as a mapping function; passes may go on beside it.
	Resync(snap store.Snapshot)
}

// Func is a function that is a Reconciler.
type Func func(ctx context.Context, req Request) (Result, error)

// Reconcile implements Reconciler.
func (f Func) Reconcile(ctx context.Context, req Request) (Result, error) { return f(ctx, req) }

// Terminal marks an error that trying again can't mend: the key is not looked at
// until something changes. Terminal(nil) is nil.
func Terminal(err error) error {
	if err == nil {
		return nil
	}
	return &terminalError{err}
}

// IsTerminal reports whether an error was made by Terminal.
func IsTerminal(err error) bool {
	var t *terminalError
	return errors.As(err, &t)
}

type terminalError struct{ err error }

func (e *terminalError) Error() string { return e.err.Error() }
func (e *terminalError) Unwrap() error { return e.err }

// PanicError is what a pass that panicked failed with.
type PanicError struct {
	Value any    // what panic was called with
	Stack []byte // where, as debug.Stack prints it
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }
