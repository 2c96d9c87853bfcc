package nodehealth

import (
	"context"
	"fmt"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
)

// Options tune the controller.
type Options struct {
	// Grace is how long a node may be without a session before it is down, unless its
	// agent said goodbye. Default 10 s: enough for an agent to restart and connect
	// again, short enough that its work is soon replaced.
	Grace time.Duration
}

const defaultGrace = 10 * time.Second

// Register adds the controller to a manager.
func Register(m *reconcile.Manager, o Options) error {
	if o.Grace <= 0 {
		o.Grace = defaultGrace
	}
	return reconcile.NewController("nodehealth").
		For(api.KindNode).
		Watches(api.KindNodeSession, reconcile.SameKey).
		Writes(api.KindNodeStatus).
		WithOptions(reconcile.ControllerOptions{Concurrency: 8}). // a server that dies takes many sessions with it
		Complete(m, func(c reconcile.Client) reconcile.Reconciler { return &controller{c, o} })
}

type controller struct {
	client  reconcile.Client
	options Options
}

// Reconcile judges one node.
func (c *controller) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	snap := c.client.Snapshot()
	node, ok := store.Get[*api.Node](snap, (&api.Node{ID: req.ID}).Key())
	if !ok {
		return reconcile.Result{}, nil
	}
	sessionKey := (&api.NodeSession{NodeID: req.ID}).Key()
	session, connectedOnce := store.Get[*api.NodeSession](snap, sessionKey)
	status, _ := store.Get[*api.NodeStatus](snap, (&api.NodeStatus{NodeID: req.ID}).Key())
	s := sight{node: node, session: session, status: status}
	if connectedOnce && s.gone(c.client.Now(), c.options.Grace) {
		s.patience = patienceOn(snap, req.ID)
	}
	next, again := plan(s, c.client.Now(), c.options.Grace)
	if next == nil {
		return reconcile.Result{RequeueAfter: again}, nil
	}
	// The judgement holds for this session: a node that connects meanwhile is not down.
	condition := store.Absent(sessionKey)
	if connectedOnce {
		condition = store.Unchanged(session)
	}
	_, err := c.client.Apply(ctx, store.Txn{
		Conditions: []store.Condition{store.Unchanged(node), condition},
		Writes:     []store.Write{store.Put(next)},
	})
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("mark node %s %s: %w", req.ID, next.Status, err)
	}
	return reconcile.Result{RequeueAfter: again}, nil
}

// patienceOn returns how long what runs on a node may be out of contact before all of
// it is lost.
func patienceOn(snap store.Snapshot, node string) time.Duration {
	var longest time.Duration
	jobs := map[api.Key]*api.Job{} // by version: few for many allocations
	for a := range store.List[*api.Allocation](snap, store.Query{Index: store.ByNode, Value: node}) {
		key := api.JobVersionKey(a.Namespace, a.JobID, a.JobVersion)
		job, known := jobs[key]
		if !known {
			if version, ok := store.Get[*api.JobVersion](snap, key); ok {
				job = version.Job
			}
			jobs[key] = job
		}
		if job == nil || a.Lost == api.AllocClientLost {
			continue
		}
		after := job.Group(a.TaskGroup).LostAfter()
		if after <= longest {
			continue
		}
		if status, _ := store.Get[*api.AllocationStatus](snap, (&api.AllocationStatus{ID: a.ID}).Key()); !status.Terminal() {
			longest = after
		}
	}
	return longest
}
