package drain

import (
	"errors"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
)

// Options tune the controllers.
type Options struct {
	// Concurrency is how many jobs, and how many nodes, are worked on at once. Default 4.
	Concurrency int
}

const defaultConcurrency = 4

// Register adds both controllers to a manager.
func Register(m *reconcile.Manager, o Options) error {
	if o.Concurrency <= 0 {
		o.Concurrency = defaultConcurrency
	}
	return errors.Join(registerNodes(m, o), registerJobs(m, o))
}

func registerNodes(m *reconcile.Manager, o Options) error {
	return reconcile.NewController("drain").
		For(api.KindNodeIntent).
		Watches(api.KindAllocation, nodeOfAllocation).
		Watches(api.KindAllocationStatus, nodeOfStatus).
		Writes(api.KindNodeIntent).
		Writes(api.KindAllocation, reconcile.Shared).
		WithOptions(reconcile.ControllerOptions{Concurrency: o.Concurrency}).
		Complete(m, func(c reconcile.Client) reconcile.Reconciler { return &nodes{c} })
}

func registerJobs(m *reconcile.Manager, o Options) error {
	w := &waiting{}
	return reconcile.NewController("migrate").
		// Few jobs have anything on a draining node. So the mappings look first.
		For(api.KindJob, reconcile.None).
		Lists(api.KindNodeIntent, jobsOnNode, draining).
		Watches(api.KindNodeIntent, jobsOnNode, draining).
		Watches(api.KindAllocation, w.jobOfAllocation).
		Watches(api.KindAllocationStatus, w.jobOfStatus).
		Watches(api.KindDeployment, w.jobOfDeployment, reconcile.Changed(deploymentMoved)).
		Watches(api.KindJob, w.job).
		Writes(api.KindAllocation, reconcile.Shared).
		WithOptions(reconcile.ControllerOptions{Concurrency: o.Concurrency}).
		Complete(m, func(c reconcile.Client) reconcile.Reconciler { return &jobs{client: c, waiting: w} })
}

// nodeOfAllocation gives the node of an allocation that concerns its drain: one that
// comes, is lost, or is gone.
func nodeOfAllocation(snap store.Snapshot, c store.Change) []reconcile.Request {
	before, _ := c.Old.(*api.Allocation)
	a, _ := c.New.(*api.Allocation)
	if a == nil {
		a = before
	} else if before != nil && before.Lost == a.Lost {
		return nil
	}
	intent := intentOf(snap, a.NodeID)
	if intent.Draining() || before == nil && stray(intent, a) {
		return []reconcile.Request{{ID: a.NodeID}}
	}
	return nil
}

// nodeOfStatus gives the node that an allocation has left.
func nodeOfStatus(snap store.Snapshot, c store.Change) []reconcile.Request {
	before, _ := c.Old.(*api.AllocationStatus)
	after, _ := c.New.(*api.AllocationStatus)
	if before.Terminal() == after.Terminal() || after == nil || !intentOf(snap, after.NodeID).Draining() {
		return nil
	}
	return []reconcile.Request{{ID: after.NodeID}}
}

// draining passes nodes that are being drained.
func draining(c store.Change) bool {
	intent, _ := c.New.(*api.NodeIntent)
	return intent.Draining()
}

// jobsOnNode gives the jobs that have service instances on a node.
func jobsOnNode(snap store.Snapshot, c store.Change) []reconcile.Request {
	var out []reconcile.Request
	seen := make(map[reconcile.Request]bool)
	for a := range store.List[*api.Allocation](snap, store.Query{Index: store.ByNode, Value: c.Key.ID}) {
		req := requestOf(a)
		if a.JobType == api.JobTypeService && a.WantsRun() && !seen[req] {
			seen[req] = true
			out = append(out, req)
		}
	}
	return out
}

func deploymentMoved(before, after *api.Deployment) bool { return before.Status != after.Status }

func requestOf(a *api.Allocation) reconcile.Request {
	return reconcile.Request{Namespace: a.Namespace, ID: a.JobID}
}

// intentOf returns what operators want of a node, or nil.
func intentOf(snap store.Snapshot, node string) *api.NodeIntent {
	intent, _ := store.Get[*api.NodeIntent](snap, api.Key{Kind: api.KindNodeIntent, ID: node})
	return intent
}

func statusOf(snap store.Snapshot, alloc string) *api.AllocationStatus {
	status, _ := store.Get[*api.AllocationStatus](snap, api.Key{Kind: api.KindAllocationStatus, ID: alloc})
	return status
}
