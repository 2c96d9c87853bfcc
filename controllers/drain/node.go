package drain

import (
	"context"
	"fmt"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
)

// nodes is the controller drain.
type nodes struct{ client reconcile.Client }

// Reconcile makes one pass over a node.
func (c *nodes) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	snap, now := c.client.Snapshot(), c.client.Now()
	n := &node{intent: intentOf(snap, req.ID)}
	if n.intent == nil {
		return reconcile.Result{}, nil
	}
	for a := range store.List[*api.Allocation](snap, store.Query{Index: store.ByNode, Value: req.ID}) {
		n.here = append(n.here, instance{Allocation: a, status: statusOf(snap, a.ID)})
	}
	p := n.plan(now)
	if err := c.write(ctx, n, p); err != nil {
		return reconcile.Result{}, fmt.Errorf("drain node %s: %w", req.ID, err)
	}
	if p.again.IsZero() {
		return reconcile.Result{}, nil
	}
	return reconcile.Result{RequeueAfter: p.again.Sub(now)}, nil
}

// write commits a plan, which holds for this drain only.
func (c *nodes) write(ctx context.Context, n *node, p nodePlan) error {
	txn := store.Txn{Conditions: []store.Condition{store.Unchanged(n.intent)}}
	for _, a := range p.told {
		txn.Conditions = append(txn.Conditions, store.Unchanged(a))
		txn.Writes = append(txn.Writes, store.Put(a))
	}
	if p.intent != nil {
		txn.Writes = append(txn.Writes, store.Put(p.intent))
	}
	_, err := c.client.Apply(ctx, txn)
	return err
}
