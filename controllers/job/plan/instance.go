package plan

import (
	"slices"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// Instance is an allocation with what its node agent says of it. It runs, or will, or did.
type Instance struct {
	*api.Allocation
	status *api.AllocationStatus // nil: nothing yet
	Slot   int                   // the number in its name; −1 if it has none
	// expected says that it is unknown, but its node is back: in a moment its node agent
	// has spoken of it.
	expected bool
	// GaveWay says that it gives way to its predecessor, whose node came back, or to its
	// successor: Decide sets it.
	GaveWay bool
}

// ended reports whether the node agent says that nothing of it runs any more.
func (i *Instance) ended() bool { return i.status.Terminal() }

func (i *Instance) failed() bool {
	return i.status != nil && i.status.ClientStatus == api.AllocClientFailed
}

// Completed reports whether its node agent says that it ended well.
func (i *Instance) Completed() bool {
	return i.status != nil && i.status.ClientStatus == api.AllocClientComplete
}

// use is 0 for an instance that does not run or is not healthy, 1 for one that its rollout
// has not found healthy yet, 2 for others.
func (i *Instance) use() int {
	health := HealthOf(i.Allocation)
	switch {
	case !i.Runs() || health == Unhealthy:
		return 0
	case i.DeploymentID != "" && health != Healthy:
		return 1
	}
	return 2
}

// EndedAt is when the last of its tasks ended. Its node agent has to have said something.
func (i *Instance) EndedAt() time.Time { return i.status.EndedAt() }

// Done reports whether it did what a batch instance is for. One that was told to stop,
// or to go on elsewhere, may have been cut short.
func (i *Instance) Done() bool {
	if !i.Completed() || i.WantsRun() {
		return i.Completed()
	}
	return !api.Deref(i.DesiredTransition.Migrate) && !i.status.Killed()
}

// Live reports whether it should run and, as far as is known, does or will.
func (i *Instance) Live() bool {
	return i.WantsRun() && !i.ended() && i.Lost != api.AllocClientLost
}

// Leaving reports whether it is live and was asked to go elsewhere.
func (i *Instance) Leaving() bool {
	return i.Live() && api.Deref(i.DesiredTransition.Migrate)
}

// replaceable reports whether it failed and its time to be replaced has come.
func (i *Instance) replaceable() bool {
	t := &i.DesiredTransition
	return i.failed() && i.WantsRun() && i.NextAllocation == "" &&
		(api.Deref(t.Reschedule) || api.Deref(t.ForceReschedule))
}

// Runs reports whether its node agent says that it runs, as it should.
func (i *Instance) Runs() bool {
	return i.Live() && i.status != nil && i.status.ClientStatus == api.AllocClientRunning && i.Lost == ""
}

// Unknown reports whether its node is out of contact, and it is not lost yet.
func (i *Instance) Unknown() bool { return i.Lost == api.AllocClientUnknown && !i.ended() }

// wasPreempted reports whether it was told to end so that another one has room.
func (i *Instance) wasPreempted() bool { return i.DesiredStatus == api.AllocDesiredEvict }

// FailedOn returns the IDs of the nodes on which an instance that failed did so, and those
// that it follows, as far as is remembered; sorted.
func (i *Instance) FailedOn() []string {
	nodes := []string{i.NodeID}
	if i.RescheduleTracker != nil {
		for _, e := range i.RescheduleTracker.Events {
			nodes = append(nodes, e.PrevNodeID)
		}
	}
	slices.Sort(nodes)
	return slices.Compact(nodes)
}

// Newer reports whether a was placed after b, or b is nil.
func Newer(a, b *Instance) bool {
	if b == nil || a.CreateIndex != b.CreateIndex {
		return b == nil || a.CreateIndex > b.CreateIndex
	}
	return a.ID > b.ID
}

// readInstances joins the allocations of a job with their statuses. Both are listed
// in the order of their IDs, so the two lists are walked side by side.
func readInstances(snap store.Snapshot, ofJob store.Query) []Instance {
	ofJob.Kind = api.KindAllocation
	count := snap.Count(ofJob)
	if count == 0 {
		return nil
	}
	out := make([]Instance, 0, count)
	for a := range store.List[*api.Allocation](snap, ofJob) {
		out = append(out, newInstance(snap, a))
	}
	next := 0
	for s := range store.List[*api.AllocationStatus](snap, ofJob) {
		for next < len(out) && out[next].ID < s.ID {
			next++
		}
		if next < len(out) && out[next].ID == s.ID {
			out[next].status = s
		}
	}
	return out
}

// ReadInstance joins an allocation with its status.
func ReadInstance(snap store.Snapshot, a *api.Allocation) Instance {
	i := newInstance(snap, a)
	i.status, _ = store.Get[*api.AllocationStatus](snap, api.Key{Kind: api.KindAllocationStatus, ID: a.ID})
	return i
}

// newInstance returns an allocation of which its node agent has said nothing.
func newInstance(snap store.Snapshot, a *api.Allocation) Instance {
	return Instance{Allocation: a, Slot: a.Index(), expected: a.Lost == api.AllocClientUnknown && isReady(snap, a.NodeID)}
}

func isReady(snap store.Snapshot, node string) bool {
	health, ok := store.Get[*api.NodeStatus](snap, api.Key{Kind: api.KindNodeStatus, ID: node})
	return ok && health.Status == api.NodeReady
}
