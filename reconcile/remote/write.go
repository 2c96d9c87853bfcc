package remote

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
)

// UnwritableError refuses a transaction that servers do not accept from outside. It is an
// api.ErrNotSupported.
type UnwritableError struct {
	Keys []api.Key // what it was to write
	Err  error     // what the server said
}

func (e *UnwritableError) Error() string {
	return fmt.Sprintf("a program outside of the servers can't write %v: %v", e.Keys, e.Err)
}

func (e *UnwritableError) Unwrap() error { return e.Err }

// Apply makes a transaction through the API, and returns when the mirror shows what it
// wrote. Errors: an api.ErrConflict, *UnwritableError, *client.StatusError, and those of
// the connection: then it is not known whether it was made.
func (m *Mirror) Apply(ctx context.Context, txn store.Txn) (store.Result, error) {
	if err := txn.Validate(); err != nil {
		return store.Result{}, err
	}
	if len(txn.Writes) == 1 && txn.Writes[0].Key() == api.LeadershipKey {
		return m.lead(txn.Writes[0].Put)
	}
	request, err := encode(txn)
	if err != nil {
		return store.Result{}, err
	}
	index, err := m.options.Client.Objects.Apply(ctx, request)
	if errors.Is(err, api.ErrNotSupported) {
		refused := &UnwritableError{Err: err}
		for _, w := range txn.Writes {
			refused.Keys = append(refused.Keys, w.Key())
		}
		return store.Result{}, reconcile.Terminal(refused)
	}
	if err != nil {
		return store.Result{}, err
	}
	return store.Result{Index: index}, m.waitShown(ctx, txn, index)
}

// lead keeps the Leadership object of the program to itself.
func (m *Mirror) lead(o api.Object) (store.Result, error) {
	claimed, ok := o.(*api.Leadership)
	if !ok {
		return store.Result{}, &UnwritableError{Keys: []api.Key{api.LeadershipKey}, Err: api.ErrNotSupported}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	term := uint64(1)
	if m.leadership != nil {
		term = m.leadership.ModifyIndex + 1
	}
	own := *claimed
	own.SetIndexes(1, term)
	m.leadership = &own
	return store.Result{Index: term}, nil
}

// encode returns the body of the request, without conditions on who leads: that is
// nothing to servers.
func encode(txn store.Txn) (api.TxnRequest, error) {
	var out api.TxnRequest
	for _, c := range txn.Conditions {
		if c.Key != api.LeadershipKey {
			out.Conditions = append(out.Conditions, api.TxnCondition{TxnKey: api.TxnKey(c.Key), ModifyIndex: c.ModifyIndex})
		}
	}
	for _, w := range txn.Writes {
		if w.Put == nil {
			key := api.TxnKey(w.Delete)
			out.Writes = append(out.Writes, api.TxnWrite{Delete: &key})
			continue
		}
		stored, err := api.Store(w.Put)
		if err != nil {
			return out, err
		}
		out.Writes = append(out.Writes, api.TxnWrite{Put: stored})
	}
	return out, nil
}

// waitShown returns when the mirror has taken in what a transaction at index wrote, as
// far as it follows these kinds.
func (m *Mirror) waitShown(ctx context.Context, txn store.Txn, index uint64) error {
	for {
		s := m.tables.Snapshot()
		if s.Index() >= index || !slices.ContainsFunc(txn.Writes, func(w store.Write) bool { return m.unseen(s, w, index) }) {
			return nil
		}
		if err := m.tables.WaitIndex(ctx, s.Index()+1); err != nil {
			return fmt.Errorf("wait until the mirror shows index %d: %w", index, err)
		}
	}
}

// unseen reports whether a snapshot is older than a write that was made at index.
func (m *Mirror) unseen(s store.Snapshot, w store.Write, index uint64) bool {
	key := w.Key()
	if !slices.Contains(m.options.Kinds, key.Kind) {
		return false
	}
	o, ok := s.Get(key)
	if !ok {
		return w.Put != nil
	}
	_, modify := o.Indexes()
	return modify < index
}
