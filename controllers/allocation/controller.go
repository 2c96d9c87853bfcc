package allocation

import (
	"context"
	"errors"
	"fmt"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
)

// Options tune the controller.
type Options struct {
	// Concurrency is how many allocations are worked on at once: many may fail at once,
	// and their transactions share commits. Default 1024.
	Concurrency int
}

const defaultConcurrency = 1024

// Register adds the controllers to a manager: that of single allocations, and absence,
// which judges those of absent nodes together.
func Register(m *reconcile.Manager, o Options) error {
	if o.Concurrency <= 0 {
		o.Concurrency = defaultConcurrency
	}
	return errors.Join(register(m, o.Concurrency), registerAbsence(m))
}

func register(m *reconcile.Manager, concurrency int) error {
	return reconcile.NewController("allocation").
		// Of millions of allocations few need a pass. So the mappings look first.
		For(api.KindAllocation, reconcile.None).
		Lists(api.KindAllocation, listed).
		Watches(api.KindAllocation, placedOnAbsentNode, reconcile.Created).
		Watches(api.KindAllocation, reconcile.SameKey, reconcile.Changed(healthChanged)).
		Watches(api.KindAllocation, reconcile.SameKey, reconcile.Changed(decided)).
		Watches(api.KindAllocation, reconcile.SameKey, reconcile.Changed(becameUnknown)).
		Watches(api.KindAllocationStatus, reconcile.SameKey, failed).
		Watches(api.KindNodeStatus, unknownOn, back).
		Watches(api.KindDeployment, ofDeployment, reconcile.Changed(ended)).
		Watches(api.KindJob, failedOf, reconcile.Changed(newVersion)).
		Writes(api.KindAllocation, reconcile.Shared).
		WithOptions(reconcile.ControllerOptions{Concurrency: concurrency}).
		Complete(m, func(c reconcile.Client) reconcile.Reconciler { return &controller{c} })
}

type controller struct{ client reconcile.Client }

// Reconcile judges one allocation.
func (c *controller) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	s, ok := read(c.client.Snapshot(), req.ID)
	if !ok {
		return reconcile.Result{}, nil
	}
	next, again := plan(s, c.client.Now())
	if next == nil {
		return reconcile.Result{RequeueAfter: again}, nil
	}
	_, err := c.client.Apply(ctx, store.Txn{
		Conditions: s.conditions(),
		Writes:     []store.Write{store.Put(next)},
	})
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("mark allocation %s: %w", req.ID, err)
	}
	return reconcile.Result{RequeueAfter: again}, nil
}

// read collects what a judgement hangs on.
func read(snap store.Snapshot, id string) (situation, bool) {
	a, ok := store.Get[*api.Allocation](snap, api.AllocationKey(id))
	if !ok {
		return situation{}, false
	}
	s := situation{alloc: a}
	s.status, _ = store.Get[*api.AllocationStatus](snap, statusKey(id))
	s.node, _ = store.Get[*api.Node](snap, nodeKey(a.NodeID))
	s.health, _ = store.Get[*api.NodeStatus](snap, healthKey(a.NodeID))
	s.job, _ = store.Get[*api.Job](snap, api.JobKey(a.Namespace, a.JobID))
	if v, ok := store.Get[*api.JobVersion](snap, api.JobVersionKey(a.Namespace, a.JobID, a.JobVersion)); ok {
		s.group = v.Job.Group(a.TaskGroup)
	}
	if a.DeploymentID != "" {
		s.deployment, _ = store.Get[*api.Deployment](snap, (&api.Deployment{ID: a.DeploymentID}).Key())
	}
	return s, true
}

// conditions are that what was judged by has not changed: the allocation, what its
// node agent says of it, and whether its node is there.
func (s situation) conditions() []store.Condition {
	status, health := store.Absent(statusKey(s.alloc.ID)), store.Absent(healthKey(s.alloc.NodeID))
	if s.status != nil {
		status = store.Unchanged(s.status)
	}
	if s.health != nil {
		health = store.Unchanged(s.health)
	}
	conditions := []store.Condition{store.Unchanged(s.alloc), status, health}
	if s.node == nil {
		conditions = append(conditions, store.Absent(nodeKey(s.alloc.NodeID)))
	}
	return conditions
}

func statusKey(id string) api.Key { return api.Key{Kind: api.KindAllocationStatus, ID: id} }
func nodeKey(id string) api.Key   { return api.Key{Kind: api.KindNode, ID: id} }
func healthKey(id string) api.Key { return api.Key{Kind: api.KindNodeStatus, ID: id} }
