package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// builtins are the objects that every cluster has. scheduler is the configuration that a
// new one begins with.
func builtins(scheduler api.SchedulerConfiguration) []api.Object {
	namespace := &api.Namespace{Name: api.DefaultNamespace, Description: "Default shared namespace"}
	namespace.SetHash()
	const identityTTL = api.DefaultNodeIdentityTTL
	return []api.Object{
		&scheduler,
		namespace,
		&api.NodePool{Name: api.AllNodePool, Description: "Node pool with all nodes in the cluster.", NodeIdentityTTL: identityTTL},
		&api.NodePool{Name: api.DefaultNodePool, Description: "Default node pool.", NodeIdentityTTL: identityTTL},
	}
}

// keepBuiltins has the leader make what is missing of the built-in objects, now and
// whenever one is removed (as by restoring an old backup).
func (s *Server) keepBuiltins(ctx context.Context) error {
	for ctx.Err() == nil {
		changed := s.store.LeaderChanged()
		if !s.store.Leader().IsSelf {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		if err := s.followBuiltins(ctx, changed); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// followBuiltins makes what is missing until leadership changes.
func (s *Server) followBuiltins(ctx context.Context, changed <-chan struct{}) error {
	ctx, cancel := context.WithCancel(ctx)
	var watcher sync.WaitGroup
	defer watcher.Wait()
	defer cancel()
	watcher.Go(func() {
		select {
		case <-changed:
			cancel()
		case <-ctx.Done():
		}
	})
	kinds := []api.Kind{api.KindNamespace, api.KindNodePool, api.KindSchedulerConfiguration, api.KindRootKey}
	feed := s.store.Watch(s.store.Snapshot().Index(), kinds...)
	defer func() { feed.Close() }()
	for {
		err := s.makeBuiltins(ctx)
		if err == nil {
			err = s.reseal(ctx)
		}
		if err == nil {
			_, _, err = feed.Next(ctx)
		}
		switch {
		case ctx.Err() != nil || errors.Is(err, api.ErrNoLeader):
			return nil
		case errors.Is(err, store.ErrResync):
			feed.Close()
			feed = s.store.Watch(s.store.Snapshot().Index(), kinds...)
		case err != nil && !errors.Is(err, api.ErrConflict):
			return fmt.Errorf("keep the built-in objects: %w", err)
		}
	}
}

func (s *Server) makeBuiltins(ctx context.Context) error {
	if err := s.store.Sync(ctx); err != nil {
		return err
	}
	snap := s.store.Snapshot()
	txn, err := keyWrites(snap, s.keyring, time.Now())
	if err != nil {
		return err
	}
	for _, o := range builtins(s.scheduler) {
		if _, ok := snap.Get(o.Key()); !ok {
			txn.Conditions = append(txn.Conditions, store.Absent(o.Key()))
			txn.Writes = append(txn.Writes, store.Put(o))
		}
	}
	if len(txn.Writes) == 0 {
		return nil
	}
	_, err = s.store.Apply(ctx, txn)
	return err
}
