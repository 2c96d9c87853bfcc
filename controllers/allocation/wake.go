package allocation

import (
	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
)

// listed gives the allocations that need a pass when a term starts.
func listed(snap store.Snapshot, c store.Change) []reconcile.Request {
	a := c.New.(*api.Allocation)
	if status, ok := store.Get[*api.AllocationStatus](snap, statusKey(a.ID)); ok && status.Terminal() {
		if status.ClientStatus == api.AllocClientFailed && a.WantsRun() {
			return reconcile.SameKey(snap, c)
		}
		return nil
	}
	return placedOnDownNode(snap, c)
}

// placedOnDownNode gives an allocation whose node is down already: it went down while
// the placement was under way.
func placedOnDownNode(snap store.Snapshot, c store.Change) []reconcile.Request {
	a := c.New.(*api.Allocation)
	health, ok := store.Get[*api.NodeStatus](snap, healthKey(a.NodeID))
	if ok && health.Status != api.NodeDown {
		return nil
	}
	return reconcile.SameKey(snap, c)
}

// failed passes statuses of allocations that failed.
func failed(c store.Change) bool {
	status, ok := c.New.(*api.AllocationStatus)
	return ok && status.ClientStatus == api.AllocClientFailed
}

// down passes nodes that are down.
func down(c store.Change) bool {
	health, ok := c.New.(*api.NodeStatus)
	return ok && health.Status == api.NodeDown
}

// ofNode gives the allocations of a node, whose ID the changed object has.
func ofNode(snap store.Snapshot, c store.Change) []reconcile.Request {
	return requests(snap, store.Query{Index: store.ByNode, Value: c.Key.ID})
}

// ofDeployment gives the allocations that a deployment made.
func ofDeployment(snap store.Snapshot, c store.Change) []reconcile.Request {
	return requests(snap, store.Query{Index: store.ByDeployment, Value: c.Key.ID})
}

// ofFailedDeployments gives the allocations that deployments of a job made which failed:
// such a deployment holds back only what is of the job's current version.
func ofFailedDeployments(snap store.Snapshot, c store.Change) []reconcile.Request {
	var out []reconcile.Request
	ofJob := store.Query{Index: store.ByJob, Value: store.JobValue(c.Key.Namespace, c.Key.ID)}
	for d := range store.List[*api.Deployment](snap, ofJob) {
		if d.Status == api.DeploymentFailed {
			out = append(out, requests(snap, store.Query{Index: store.ByDeployment, Value: d.ID})...)
		}
	}
	return out
}

func requests(snap store.Snapshot, q store.Query) []reconcile.Request {
	var out []reconcile.Request
	for a := range store.List[*api.Allocation](snap, q) {
		out = append(out, reconcile.RequestFor(a.Key()))
	}
	return out
}

// healthChanged: its deployment called an allocation unhealthy.
func healthChanged(before, after *api.Allocation) bool { return !unhealthy(before) && unhealthy(after) }

// ended: a deployment no longer goes on.
func ended(before, after *api.Deployment) bool { return before.Active() && !after.Active() }

// newVersion: a new version of a job was registered.
func newVersion(before, after *api.Job) bool {
	return api.Deref(before.Version) != api.Deref(after.Version)
}
