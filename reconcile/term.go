package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// term is one term of leadership of this server: from the Leadership object that it
// wrote until another is written, or until raft says that another server leads.
type term struct {
	index   uint64 // ModifyIndex of the Leadership object
	store   Replica
	clock   Clock
	log     logr.Logger
	deposed func() // ends the term
	pace    pace

	runs   []*run
	kinds  []api.Kind
	routes map[api.Kind][]route
}

// route leads changes of a kind to a controller.
type route struct {
	run *run
	src source
}

// run runs the controllers until the context is cancelled or the term ends. It
// leaves workers that do not stop within the lease to the wait group.
func (t *term) run(ctx context.Context, controllers []*controller, workers *sync.WaitGroup, lease time.Duration) error {
	ctx, cancel := context.WithCancelCause(ctx)
	t.prepare(controllers, cancel)
	done := make(chan *run, len(t.runs))
	for _, r := range t.runs {
		workers.Go(func() {
			r.loop(ctx)
			done <- r
		})
	}
	err := t.feed(ctx)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	cancel(err)
	t.wait(done, lease)
	return err
}

// prepare makes the runs of the controllers and finds what wakes each of them.
func (t *term) prepare(controllers []*controller, cancel context.CancelCauseFunc) {
	t.deposed = func() { cancel(ErrDeposed) }
	t.routes = make(map[api.Kind][]route)
	for _, c := range controllers {
		r := newRun(c, t)
		t.runs = append(t.runs, r)
		for _, src := range c.sources {
			if src.relation == RelationLists {
				continue
			}
			t.routes[src.kind] = append(t.routes[src.kind], route{r, src})
		}
	}
	t.kinds = []api.Kind{api.KindLeadership}
	for kind := range t.routes {
		if kind != api.KindLeadership {
			t.kinds = append(t.kinds, kind)
		}
	}
	slices.Sort(t.kinds)
}

// wait waits for the controllers to stop, but not for longer than the lease: what a
// worker that does not stop still writes is refused, because it has the old term.
func (t *term) wait(done <-chan *run, lease time.Duration) {
	left := slices.Clone(t.runs)
	timeout := t.clock.After(lease)
	for len(left) > 0 {
		select {
		case r := <-done:
			left = slices.DeleteFunc(left, func(l *run) bool { return l == r })
		case <-timeout:
			names := make([]string, len(left))
			for i, r := range left {
				names[i] = r.name
			}
			t.log.Error(errSlowStop, "leaving workers of the ended term behind", "controllers", names, "waited", lease)
			return
		}
	}
}

var errSlowStop = errors.New("workers do not stop when their context is cancelled")

// resyncDelay is how long after a failed resync another one is made.
const resyncDelay = 5 * time.Second

// feed follows the change feed, and lists every key at the start and whenever the
// feed fell behind.
func (t *term) feed(ctx context.Context) error {
	for {
		snap := t.store.Snapshot()
		if held, ok := snap.Get(api.LeadershipKey); !ok || modifyIndex(held) != t.index {
			return ErrDeposed
		}
		feed := t.store.Watch(snap.Index(), t.kinds...)
		t.pace.follow(feed)
		synced := true
		for _, r := range t.runs {
			r.resync(snap)
			synced = synced && r.synced
		}
		following, cancel := ctx, func() {}
		if !synced {
			following, cancel = context.WithTimeout(ctx, resyncDelay)
		}
		err := t.follow(following, feed)
		t.pace.follow(nil)
		feed.Close()
		retry := following.Err() != nil && ctx.Err() == nil
		cancel()
		if !retry && !errors.Is(err, store.ErrResync) {
			return err
		}
		t.log.Info("listing every key again", "reason", err.Error())
	}
}

// follow dispatches changes until the feed ends.
func (t *term) follow(ctx context.Context, feed store.Feed) error {
	for {
		changes, index, err := feed.Next(ctx)
		if err != nil {
			return fmt.Errorf("follow changes: %w", err)
		}
		if len(changes) == 0 {
			t.pace.step()
			continue
		}
		snap := t.store.Snapshot()
		if snap.Index() < index {
			if err := t.store.WaitIndex(ctx, index); err != nil {
				return fmt.Errorf("wait for index %d: %w", index, err)
			}
			snap = t.store.Snapshot()
		}
		if err := t.dispatch(changes, snap); err != nil {
			return err
		}
		t.pace.step()
	}
}

// underGuard is for how many changes a controller's guard is held at once.
const underGuard = 1024

// dispatch wakes the controllers for changes that a snapshot has.
func (t *term) dispatch(changes []store.Change, snap store.Snapshot) error {
	for some := range slices.Chunk(changes, underGuard) {
		if err := t.offer(some, snap); err != nil {
			return err
		}
	}
	for _, r := range t.runs {
		r.flush()
	}
	return nil
}

// offer offers changes to the controllers that watch their kinds.
func (t *term) offer(changes []store.Change, snap store.Snapshot) error {
	defer func() {
		for _, r := range t.runs {
			r.unguard()
		}
	}()
	for _, c := range changes {
		if c.Key == api.LeadershipKey && c.Index != t.index {
			return ErrDeposed
		}
		for _, to := range t.routes[c.Key.Kind] {
			to.run.offer(to.src, snap, c)
		}
	}
	return nil
}

func modifyIndex(o api.Object) uint64 {
	_, modify := o.Indexes()
	return modify
}
