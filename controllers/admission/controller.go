package admission

import (
	"context"
	"fmt"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
)

// Register adds the controller to a manager. Its requests are jobs: one that is asked
// for may begin if its dependencies are met; of its children that are limited, so many
// as may run.
func Register(m *reconcile.Manager) error {
	w := newWaiters()
	return reconcile.NewController("admission").
		// Few jobs wait for others. So the mappings look first.
		For(api.KindJob, reconcile.None).
		Lists(api.KindJob, concerned).
		Watches(api.KindJob, w.onJob).
		Watches(api.KindJobStatus, w.onStatus).
		Watches(api.KindDeployment, w.onDeployment).
		Watches(api.KindAllocation, w.onAllocation).
		Watches(api.KindAllocationStatus, w.onAllocationStatus).
		Writes(api.KindJobAdmission).
		Complete(m, func(c reconcile.Client) reconcile.Reconciler { return &controller{c, w} })
}

type controller struct {
	client  reconcile.Client
	waiters *waiters
}

// Resync implements reconcile.Resyncer.
func (c *controller) Resync(snap store.Snapshot) { c.waiters.load(snap) }

// maxTxnAdmissions is how many admissions a transaction writes; a pass that has more
// to write is made again.
const maxTxnAdmissions = 500

// Reconcile says of a job whether it may begin, and of its children which.
func (c *controller) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	snap := c.client.Snapshot()
	decisions := decideChildren(snap, req)
	if j := get[*api.Job](snap, api.JobKey(req.Namespace, req.ID)); j != nil && j.NeedsAdmission() && !j.Limited() && !j.Stopped() {
		decisions = append(decisions, decide(snap, j))
	}
	var txn store.Txn
	seen := make(map[api.Key]bool)
	for _, d := range decisions {
		next := d.admission(c.client.Now())
		if next == nil {
			continue
		}
		txn.Writes = append(txn.Writes, store.Put(next))
		for _, condition := range d.conditions {
			if !seen[condition.Key] {
				seen[condition.Key] = true
				txn.Conditions = append(txn.Conditions, condition)
			}
		}
		if len(txn.Writes) == maxTxnAdmissions {
			break
		}
	}
	if _, err := c.client.Apply(ctx, txn); err != nil {
		return reconcile.Result{}, fmt.Errorf("admit what waits for %s: %w", req, err)
	}
	if len(txn.Writes) == maxTxnAdmissions {
		return reconcile.Result{RequeueAfter: 1}, nil
	}
	return reconcile.Result{}, nil
}

func get[T api.Object](s store.Snapshot, key api.Key) T {
	o, _ := store.Get[T](s, key)
	return o
}
