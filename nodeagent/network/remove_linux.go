package network

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/containernetworking/cni/libcni"
)

// Remove removes the network of an allocation, whatever there is of it. It is no error
// when nothing is there.
func (m *Manager) Remove(ctx context.Context, allocID string) error {
	f := m.folder(allocID)
	lock, err := f.take(ctx)
	if err != nil {
		return fmt.Errorf("lock the network of the allocation: %w", err)
	}
	defer lock.Close()
	rec, err := f.read()
	switch {
	case err != nil:
		return err
	case rec == nil: // whoever began it had not got that far
		return f.forget()
	}
	if err := m.undo(ctx, f, lock, rec); err != nil {
		return err
	}
	return f.forget()
}

// undo removes what the record is of. The plugins go first: they look into the namespace
// to know what to remove.
func (m *Manager) undo(ctx context.Context, f folder, lock *os.File, rec *record) error {
	list, err := rec.list()
	if err != nil {
		return err
	}
	path := rec.Site.Network.Namespace
	if rec.Owner == "" && path != "" && !isNamespace(path) {
		if err := removeNamespace(path); err != nil { // plugins are puzzled by a name of nothing
			return err
		}
	}
	if list != nil && path != "" {
		if err := m.detach(ctx, f, lock, list, rec); err != nil {
			return fmt.Errorf("detach from the network: %w", err)
		}
	}
	if rec.Owner != "" {
		owner := m.opts.Owners[rec.Owner]
		if owner == nil {
			return fmt.Errorf("driver %q, whose network namespace it is, is not there any more", rec.Owner)
		}
		if err := owner.RemoveNetwork(ctx, rec.AllocID); err != nil {
			return fmt.Errorf("have driver %s remove its network namespace: %w", rec.Owner, err)
		}
		return nil
	}
	if path == "" {
		return nil
	}
	return removeNamespace(path)
}

// detach has plugins remove what they have made.
func (m *Manager) detach(ctx context.Context, f folder, lock *os.File, list *libcni.NetworkConfigList, rec *record) error {
	if err := f.withResult(list); err != nil {
		return err
	}
	select {
	case m.turns <- struct{}{}:
		defer func() { <-m.turns }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	blind := !isNamespace(rec.Site.Network.Namespace)
	if err := m.plugins(f, lock).DelNetworkList(ctx, list, rec.runtime()); err != nil {
		return err
	}
	if blind {
		return dropRules(ctx, rec.AllocID)
	}
	return nil
}

// Sweep removes the networks of allocations that nobody knows any more. It goes on where
// one can't be removed.
func (m *Manager) Sweep(ctx context.Context, known func(allocID string) bool) error {
	ids, err := m.recorded()
	if err != nil {
		return err
	}
	var left []error
	for _, id := range ids {
		if known(id) || ctx.Err() != nil {
			continue
		}
		if err := m.Remove(ctx, id); err != nil {
			left = append(left, fmt.Errorf("network of allocation %s, which is not known any more: %w", id, err))
			continue
		}
		m.opts.Log.Info("removed the network of an allocation that is not known any more", "allocation", id)
	}
	return errors.Join(left...)
}
