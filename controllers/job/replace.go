package job

import (
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/job/plan"
	"github.com/droverhq/drover/scheduler"
)

// Why an allocation was told to stop.
const (
	stoppedNotNeeded   = "alloc not needed due to job update"
	stoppedUpdated     = "alloc is being updated due to job update"
	stoppedMigrated    = "alloc is being migrated"
	stoppedDrained     = "alloc not needed since its node is being drained"
	stoppedRescheduled = "alloc was rescheduled because it failed"
	stoppedReunited    = "alloc not needed due to disconnected client reconnect"
)

// rescheduleOK is what a tracker says when the replacement could be placed.
const rescheduleOK = "ok"

// newcomer returns the allocation of a want that found room.
func newcomer(v *plan.View, w *plan.Want, g *plan.Group, at *scheduler.Placement, evalID, deploymentID string) *api.Allocation {
	job, group := w.Spec(v.Job, g.Spec)
	a := &api.Allocation{
		ID:            at.AllocID,
		Namespace:     v.Req.Namespace,
		EvalID:        evalID,
		Name:          w.Name,
		NodeID:        at.NodeID,
		NodeName:      at.NodeName,
		JobID:         v.Req.ID,
		JobVersion:    api.Deref(job.Version),
		JobType:       api.Deref(job.Type),
		TaskGroup:     g.Name,
		DesiredStatus: api.AllocDesiredRun,
		DeploymentID:  deploymentID,
		Ports:         at.Ports,
		Grants:        at.Grants,
		Claims:        at.Claims(),
		Usage:         at.Usage,
		Placement:     at.Metrics.Encode(),

		PreemptedAllocations: at.Preempted,
		CreateTime:           v.Now.UnixNano(),
		ModifyTime:           v.Now.UnixNano(),
	}
	if w.Older != nil {
		a.DeploymentID = ""
	}
	if w.Canary {
		a.DeploymentStatus = &api.AllocDeploymentStatus{Canary: true}
	}
	if w.Prev == nil {
		return a
	}
	a.PreviousAllocation = w.Prev.ID
	switch w.Why {
	case plan.Rescheduled:
		a.RescheduleTracker = track(group, w.Prev, v.Now)
	case plan.Lost, plan.Migrated, plan.Preempted:
		a.RescheduleTracker = w.Prev.RescheduleTracker
	}
	return a
}

// track returns the history of an allocation that replaces one that failed.
func track(g *api.TaskGroup, failed *plan.Instance, now time.Time) *api.RescheduleTracker {
	var events []*api.RescheduleEvent
	if failed.RescheduleTracker != nil {
		events = failed.RescheduleTracker.Events
	}
	// One that was forced, or whose policy went meanwhile, had no delay.
	delay, _ := g.ReschedulePolicy.Next(failed.RescheduleTracker, failed.EndedAt())
	if keep := max(api.MaxRescheduleEvents, api.Deref(attempts(g))) - 1; len(events) > keep {
		events = events[len(events)-keep:]
	}
	events = append(events[:len(events):len(events)], &api.RescheduleEvent{
		RescheduleTime: now.UnixNano(),
		PrevAllocID:    failed.ID,
		PrevNodeID:     failed.NodeID,
		Delay:          delay,
	})
	return &api.RescheduleTracker{Events: events, LastReschedule: rescheduleOK}
}

func attempts(g *api.TaskGroup) *int {
	if g.ReschedulePolicy == nil {
		return nil
	}
	return g.ReschedulePolicy.Attempts
}

// followed returns the predecessor of an allocation as it will be. next is empty
// when the successor found no room.
func followed(v *plan.View, w *plan.Want, next, evalID string) *api.Allocation {
	a := *w.Prev.Allocation
	a.NextAllocation = next
	a.ModifyTime = v.Now.UnixNano()
	if !a.WantsRun() || w.Why == plan.Lost && w.Prev.Unknown() {
		return &a
	}
	a.DesiredStatus = api.AllocDesiredStop
	switch w.Why {
	case plan.Rescheduled:
		a.DesiredDescription = stoppedRescheduled
		a.FollowupEvalID = evalID
	case plan.Migrated:
		a.DesiredDescription = stoppedMigrated
	default:
		a.DesiredDescription = stoppedUpdated
	}
	return &a
}

// unneeded returns an allocation that is to stop without a successor, as it will be.
func unneeded(v *plan.View, i *plan.Instance) *api.Allocation {
	a := *i.Allocation
	a.DesiredStatus = api.AllocDesiredStop
	a.DesiredDescription = stoppedNotNeeded
	switch {
	case i.GaveWay:
		a.DesiredDescription = stoppedReunited
	case i.Leaving() && v.Job != nil && v.Job.IsSystem() && !v.Stopped():
		a.DesiredDescription = stoppedDrained
	case i.Leaving() && !v.Stopped() && plan.IsIndexed(v.Job.Group(i.TaskGroup)):
		a.DesiredDescription = stoppedMigrated
	case v.Overdue():
		a.DesiredDescription = deadlineText(v)
	}
	a.ModifyTime = v.Now.UnixNano()
	return &a
}

// raised returns an allocation that takes up the current version where it is.
func raised(v *plan.View, i *plan.Instance, evalID, deploymentID string) *api.Allocation {
	a := *i.Allocation
	a.JobVersion = v.Current()
	a.NextAllocation = ""
	a.EvalID = evalID
	a.ModifyTime = v.Now.UnixNano()
	if deploymentID != "" {
		a.DeploymentID = deploymentID
		a.DeploymentStatus = nil
	}
	return &a
}

// kept returns an instance that was replaced, returned and holds its slot again: its
// successor is none any more.
func kept(v *plan.View, i *plan.Instance) *api.Allocation {
	a := *i.Allocation
	a.NextAllocation = ""
	a.ModifyTime = v.Now.UnixNano()
	return &a
}
