package scaling

import (
	"context"
	"fmt"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
)

// Register adds the controller to a manager.
func Register(m *reconcile.Manager) error {
	return reconcile.NewController("scaling").
		For(api.KindJob).
		Owns(api.KindScalingPolicy, ofPolicy).
		Lists(api.KindScalingPolicy, ofPolicy). // the job of one may be gone
		Writes(api.KindScalingPolicy).
		WithOptions(reconcile.ControllerOptions{Concurrency: 4}).
		Complete(m, func(c reconcile.Client) reconcile.Reconciler { return &controller{c} })
}

type controller struct{ client reconcile.Client }

// Reconcile makes the policies of a job those that its groups ask for.
func (c *controller) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	snap := c.client.Snapshot()
	job, _ := store.Get[*api.Job](snap, api.JobKey(req.Namespace, req.ID))
	var actual []*api.ScalingPolicy
	ofJob := store.Query{Index: store.ByJob, Value: store.JobValue(req.Namespace, req.ID)}
	for p := range store.List[*api.ScalingPolicy](snap, ofJob) {
		actual = append(actual, p)
	}
	puts, deletes := plan(job, actual)
	if len(puts)+len(deletes) == 0 {
		return reconcile.Result{}, nil
	}
	condition := store.Absent(api.JobKey(req.Namespace, req.ID))
	if job != nil {
		condition = store.Unchanged(job)
	}
	txn := store.Txn{Conditions: []store.Condition{condition}}
	for _, p := range puts {
		txn.Writes = append(txn.Writes, store.Put(p))
	}
	for _, p := range deletes {
		txn.Writes = append(txn.Writes, store.Delete(p.Key()))
	}
	if _, err := c.client.Apply(ctx, txn); err != nil {
		return reconcile.Result{}, fmt.Errorf("write scaling policies: %w", err)
	}
	return reconcile.Result{}, nil
}

// ofPolicy wakes the job that a policy is of.
func ofPolicy(_ store.Snapshot, c store.Change) []reconcile.Request {
	p, ok := c.New.(*api.ScalingPolicy)
	if !ok {
		p = c.Old.(*api.ScalingPolicy)
	}
	return []reconcile.Request{{Namespace: p.Namespace, ID: p.Target[api.ScalingTargetJob]}}
}
