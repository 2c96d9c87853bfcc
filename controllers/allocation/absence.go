package allocation

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
)

const (
	// marksOfJobs is how many allocations are marked in one transaction, and those of the
	// last job in it.
	marksOfJobs = 250
	// maxMarks is where even those of one job are divided.
	maxMarks = 1000
	// gathering is how long a node that is lost waits for others when many are: what takes a
	// rack, or a switch, takes hundreds within a moment, one after the other.
	gathering = 200 * time.Millisecond
	many      = 8
	// marksAtOnce is how many such transactions are under way together.
	marksAtOnce = 8
)

// registerAbsence adds the controller that judges all allocations of nodes that are out of
// contact, or gone. It takes all nodes together that are so by then, and one job after the
// other: a job that has instances on hundreds of them learns at once of all that it lost,
// and makes one pass.
func registerAbsence(m *reconcile.Manager) error {
	w := &waiting{nodes: map[string]time.Time{}}
	return reconcile.NewController("absence").
		For(api.KindNodeStatus, reconcile.None).
		Lists(api.KindNodeStatus, w.add, absent).
		Watches(api.KindNodeStatus, w.add, absent).
		Watches(api.KindNode, w.add, reconcile.Deleted).
		Writes(api.KindAllocation, reconcile.Shared).
		Complete(m, func(c reconcile.Client) reconcile.Reconciler { return &absence{c, w} })
}

// waiting is the nodes for which a pass is due, and until when it waits for others (zero: it
// was not looked at yet). Each node has its own, so nothing is missed when one that was
// taken along is not marked.
type waiting struct {
	mu    sync.Mutex // guards nodes
	nodes map[string]time.Time
}

// add notes a node, and asks for its pass.
func (w *waiting) add(snap store.Snapshot, c store.Change) []reconcile.Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.nodes[c.Key.ID] = time.Time{}
	return reconcile.SameKey(snap, c)
}

// gathers returns how long a node still waits for others, from when it was first looked at:
// the clock of who found it lost may not be ours.
func (w *waiting) gathers(node string, now time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	until, waits := w.nodes[node]
	switch {
	case !waits || len(w.nodes) < many:
		return 0
	case until.IsZero():
		w.nodes[node] = now.Add(gathering)
		return gathering
	}
	return until.Sub(now)
}

// takeAlong returns a node and all that wait.
func (w *waiting) takeAlong(node string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	nodes := []string{node}
	for other := range w.nodes {
		if other != node {
			nodes = append(nodes, other)
		}
	}
	clear(w.nodes)
	return nodes
}

type absence struct {
	client  reconcile.Client
	waiting *waiting
}

// Reconcile judges the allocations of a node, and of those that wait. What is left to wait
// for is judged by itself: marking an allocation as unknown wakes it.
func (c *absence) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	if rest := c.waiting.gathers(req.ID, c.client.Now()); rest > 0 {
		return reconcile.Result{RequeueAfter: rest}, nil
	}
	nodes := c.waiting.takeAlong(req.ID) // first: what they wait for is in the snapshot
	snap := c.client.Snapshot()
	var marking errgroup.Group
	marking.SetLimit(marksAtOnce)
	for losses := range inJobs(unmarked(snap, nodes)) {
		if txn := marks(snap, losses, c.client.Now()); len(txn.Writes) > 0 {
			marking.Go(func() error { return c.apply(ctx, txn) })
		}
	}
	return reconcile.Result{}, marking.Wait()
}

// unmarked returns the allocations of nodes that are not marked as lost, those of a job side
// by side.
func unmarked(snap store.Snapshot, nodes []string) []*api.Allocation {
	var all []*api.Allocation
	for _, node := range nodes {
		for a := range store.List[*api.Allocation](snap, store.Query{Index: store.ByNode, Value: node}) {
			if a.Lost != api.AllocClientLost {
				all = append(all, a)
			}
		}
	}
	slices.SortFunc(all, func(a, b *api.Allocation) int {
		return cmp.Or(compareJobs(a, b), cmp.Compare(a.ID, b.ID))
	})
	return all
}

func compareJobs(a, b *api.Allocation) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.JobID, b.JobID))
}

// inJobs cuts allocations into those that are marked together.
func inJobs(all []*api.Allocation) func(yield func([]*api.Allocation) bool) {
	return func(yield func([]*api.Allocation) bool) {
		for len(all) > 0 {
			n := min(marksOfJobs, len(all))
			for n < len(all) && n < maxMarks && compareJobs(all[n-1], all[n]) == 0 {
				n++
			}
			if !yield(all[:n]) {
				return
			}
			all = all[n:]
		}
	}
}

// marks returns the transaction that marks some allocations. It is made by the pass itself,
// whose panics are caught.
func marks(snap store.Snapshot, losses []*api.Allocation, now time.Time) store.Txn {
	var txn store.Txn
	for _, a := range losses {
		s, ok := read(snap, a.ID)
		if !ok || !s.absent() {
			continue
		}
		next, _ := plan(s, now)
		if next == nil {
			continue
		}
		txn.Conditions = append(txn.Conditions, s.conditions()...)
		txn.Writes = append(txn.Writes, store.Give(next))
	}
	return txn
}

func (c *absence) apply(ctx context.Context, txn store.Txn) error {
	if _, err := c.client.Apply(ctx, txn); err != nil {
		return fmt.Errorf("mark %d allocations of absent nodes: %w", len(txn.Writes), err)
	}
	return nil
}
