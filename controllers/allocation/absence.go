package allocation

import (
	"context"
	"fmt"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
)

// maxMarks is how many allocations of a node are marked in one transaction.
const maxMarks = 500

// registerAbsence adds the controller that judges all allocations of a node when it is out
// of contact, or gone. By one transaction for each, their jobs learn of many losses at
// once, and need few passes.
func registerAbsence(m *reconcile.Manager, nodes int) error {
	return reconcile.NewController("absence").
		For(api.KindNodeStatus, absent).
		Watches(api.KindNode, reconcile.SameKey, reconcile.Deleted).
		Writes(api.KindAllocation, reconcile.Shared).
		WithOptions(reconcile.ControllerOptions{Concurrency: nodes}).
		Complete(m, func(c reconcile.Client) reconcile.Reconciler { return &absence{c} })
}

type absence struct{ client reconcile.Client }

// Reconcile judges the allocations of a node. What is left to wait for is judged by itself:
// marking an allocation as unknown wakes it.
func (c *absence) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	snap, now := c.client.Snapshot(), c.client.Now()
	var txn store.Txn
	for id := range snap.Keys(store.Query{Kind: api.KindAllocation, Index: store.ByNode, Value: req.ID}) {
		s, ok := read(snap, id.ID)
		if !ok || s.alloc.Lost == api.AllocClientLost || !s.absent() {
			continue
		}
		next, _ := plan(s, now)
		if next == nil {
			continue
		}
		txn.Conditions = append(txn.Conditions, s.conditions()...)
		txn.Writes = append(txn.Writes, store.Put(next))
		if len(txn.Writes) == maxMarks {
			if err := c.mark(ctx, req.ID, txn); err != nil {
				return reconcile.Result{}, err
			}
			txn = store.Txn{}
		}
	}
	return reconcile.Result{}, c.mark(ctx, req.ID, txn)
}

func (c *absence) mark(ctx context.Context, node string, txn store.Txn) error {
	if len(txn.Writes) == 0 {
		return nil
	}
	if _, err := c.client.Apply(ctx, txn); err != nil {
		return fmt.Errorf("mark %d allocations of node %s: %w", len(txn.Writes), node, err)
	}
	return nil
}
