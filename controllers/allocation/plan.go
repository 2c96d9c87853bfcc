package allocation

import (
	"time"

	"github.com/droverhq/drover/api"
)

// situation is what an allocation is judged by. All but the allocation may be nil.
type situation struct {
	alloc      *api.Allocation
	status     *api.AllocationStatus
	node       *api.Node
	health     *api.NodeStatus
	job        *api.Job       // its current version
	group      *api.TaskGroup // of the version that the allocation runs
	deployment *api.Deployment
}

// descriptionLost is what a lost allocation says of itself.
const descriptionLost = "alloc is lost since its node is down"

// plan returns the allocation with its mark, or nil if there is none to make, and when
// to judge again if only time passes.
func plan(s situation, now time.Time) (next *api.Allocation, again time.Duration) {
	switch {
	case s.alloc.Lost == api.AllocClientUnknown:
		return s.unknown(now)
	case s.alloc.Lost == "" && s.absent() && !s.status.Terminal():
		if !s.mayComeBack() {
			return s.lost(now), 0
		}
		patience, _ := s.group.UnknownFor()
		return s.marked(api.AllocClientUnknown, now), patience
	case s.failed() && !s.held():
		failed := s.failedAt()
		delay, ok := s.group.ReschedulePolicy.Next(s.alloc.RescheduleTracker, failed)
		if !ok {
			return nil, 0
		}
		if left := failed.Add(delay).Sub(now); left > 0 {
			return nil, left
		}
		next := *s.alloc
		next.DesiredTransition.Reschedule = new(true)
		next.ModifyTime = now.UnixNano()
		return &next, 0
	}
	return nil, 0
}

// failed reports whether the allocation failed and waits to be replaced.
func (s situation) failed() bool {
	a := s.alloc
	return s.status != nil && s.status.ClientStatus == api.AllocClientFailed &&
		a.WantsRun() && a.NextAllocation == "" && !api.Deref(a.DesiredTransition.Reschedule) &&
		s.job != nil && !s.job.Stopped() && s.group != nil
}

// failedAt is when the allocation failed by the clock of its node, but not before it was
// placed by that of the servers: on a node whose clock is behind, the delay would be
// over at once, time and again.
func (s situation) failedAt() time.Time {
	if placed := time.Unix(0, s.alloc.CreateTime); s.status.EndedAt().Before(placed) {
		return placed
	}
	return s.status.EndedAt()
}

// held reports whether the deployment that made the allocation keeps it from being
// replaced.
func (s situation) held() bool {
	d := s.deployment
	switch {
	case d == nil:
		return false
	case d.Active():
		state := d.TaskGroups[s.alloc.TaskGroup]
		progressBased := state != nil && state.ProgressDeadline != 0
		return !progressBased || !unhealthy(s.alloc)
	case d.Status == api.DeploymentFailed:
		return d.JobVersion == api.Deref(s.job.Version)
	}
	return false
}

// unhealthy reports whether its deployment called an allocation unhealthy.
func unhealthy(a *api.Allocation) bool {
	return a.DeploymentStatus != nil && a.DeploymentStatus.Healthy != nil && !*a.DeploymentStatus.Healthy
}
