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
	if a.Lost == api.AllocClientUnknown {
		return reconcile.SameKey(snap, c)
	}
	return placedOnAbsentNode(snap, c)
}

// placedOnAbsentNode gives an allocation whose node is out of contact already: contact
// was lost while the placement was under way.
func placedOnAbsentNode(snap store.Snapshot, c store.Change) []reconcile.Request {
	a := c.New.(*api.Allocation)
	health, ok := store.Get[*api.NodeStatus](snap, healthKey(a.NodeID))
	if ok && health.Status != api.NodeDown && health.Status != api.NodeDisconnected {
		return nil
	}
	return reconcile.SameKey(snap, c)
}

// failed passes statuses of allocations that failed.
func failed(c store.Change) bool {
	status, ok := c.New.(*api.AllocationStatus)
	return ok && status.ClientStatus == api.AllocClientFailed
}

// absent passes nodes that are out of contact.
func absent(c store.Change) bool {
	health, ok := c.New.(*api.NodeStatus)
	return ok && (health.Status == api.NodeDown || health.Status == api.NodeDisconnected)
}

// back passes nodes that are there.
func back(c store.Change) bool {
	health, ok := c.New.(*api.NodeStatus)
	return ok && health.Status == api.NodeReady
}

// unknownOn gives the allocations of a node that is back which are unknown.
func unknownOn(snap store.Snapshot, c store.Change) []reconcile.Request {
	var out []reconcile.Request
	for a := range store.List[*api.Allocation](snap, store.Query{Index: store.ByNode, Value: c.Key.ID}) {
		if a.Lost == api.AllocClientUnknown {
			out = append(out, reconcile.RequestFor(a.Key()))
		}
	}
	return out
}

// ofDeployment gives the allocations that a deployment made.
func ofDeployment(snap store.Snapshot, c store.Change) []reconcile.Request {
	return requests(snap, store.Query{Index: store.ByDeployment, Value: c.Key.ID})
}

// failedOf gives the allocations of a job that failed and were not replaced: what held that
// back, that the job was stopped or that the rollout of its version had failed, may be over
// with its new version.
func failedOf(snap store.Snapshot, c store.Change) []reconcile.Request {
	var out []reconcile.Request
	ofJob := store.Query{Index: store.ByJob, Value: store.JobValue(c.Key.Namespace, c.Key.ID)}
	for a := range store.List[*api.Allocation](snap, ofJob) {
		if !a.WantsRun() || a.NextAllocation != "" {
			continue
		}
		status, ok := store.Get[*api.AllocationStatus](snap, statusKey(a.ID))
		if ok && status.ClientStatus == api.AllocClientFailed {
			out = append(out, reconcile.RequestFor(a.Key()))
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

// becameUnknown: an allocation is waited for from now on.
func becameUnknown(before, after *api.Allocation) bool {
	return before.Lost != after.Lost && after.Lost == api.AllocClientUnknown
}

// newVersion: a new version of a job was registered.
func newVersion(before, after *api.Job) bool {
	return api.Deref(before.Version) != api.Deref(after.Version)
}

// decided: an allocation that may have come back is not wanted any more, or did come back;
// it may have failed.
func decided(before, after *api.Allocation) bool {
	if before.Lost != api.AllocClientUnknown {
		return false
	}
	return after.Lost == "" || after.Lost == api.AllocClientUnknown && before.WantsRun() && !after.WantsRun()
}
