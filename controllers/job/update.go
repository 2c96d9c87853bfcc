package job

import (
	"slices"

	"github.com/droverhq/drover/api"
)

// rolls reports whether a group is rolled out step by step.
func rolls(j *api.Job, g *api.TaskGroup) bool {
	return !j.IsBatch() && g.Update != nil && api.Deref(g.Update.MaxParallel) > 0
}

// settle says how much of what has to be done is done now. current is the deployment
// of the job's version, if there is one, whatever its state.
func (t *tally) settle(v *view, current *api.Deployment) *groupPlan {
	p := &groupPlan{name: t.name, group: t.group, inPlace: t.inPlace, stop: t.surplus, nowhere: t.nowhere, awaits: t.awaits(current)}
	for _, w := range t.vacant {
		if mayFill(v, current, w) {
			p.wants = append(p.wants, w)
		}
	}
	replaced := 0
	for _, w := range t.reschedule {
		if mayReschedule(current, w) {
			p.wants = append(p.wants, w)
			replaced++
		}
	}
	placed := len(p.wants)
	leaving := t.leave(v, current, placed)
	p.wants = append(p.wants, leaving...)
	updates := min(len(t.destructive), t.limit(v, current, len(p.wants)))
	p.wants = append(p.wants, t.destructive[:updates]...)
	p.kept = t.kept(t.destructive[updates:])

	held := len(t.destructive) - updates + len(t.reschedule) - replaced + len(t.migrate) - len(leaving)
	p.counts = api.DesiredUpdates{
		Ignore:            uint64(len(t.current) + len(t.apart) + t.stale + held),
		Place:             uint64(placed),
		Migrate:           uint64(len(leaving)),
		Stop:              uint64(len(t.surplus) + replaced),
		InPlaceUpdate:     uint64(len(t.inPlace)),
		DestructiveUpdate: uint64(updates),
		Disconnect:        uint64(t.disconnected()),
		Reconnect:         uint64(len(p.kept)),
		RescheduleNow:     uint64(replaced),
	}
	return p
}

// mayFill reports whether a vacant slot is filled now. A rollout that is paused or
// has failed adds nothing, but what was there and is gone without having failed is
// made up for. A node that joins gets its instance of a system job in any case.
func mayFill(v *view, current *api.Deployment, w want) bool {
	switch {
	case current == nil || goesOn(current):
		return true
	case w.why == lost || w.why == migrated:
		return true
	}
	return v.job.IsSystem() && current.Status == api.DeploymentFailed
}

// mayReschedule reports whether a failed instance is replaced now: not if it is the
// rollout of its version that has failed.
func mayReschedule(current *api.Deployment, w want) bool {
	return current == nil || current.Status != api.DeploymentFailed || w.prev.DeploymentID != current.ID
}

// leave returns who leaves now of those that were asked to, when that many instances
// are placed besides. What a drain asks for is not urgent: while a rollout goes on,
// both together have no more on their way to being healthy than the rollout may.
func (t *tally) leave(v *view, current *api.Deployment, placed int) []want {
	if !rolls(v.job, t.group) || current == nil || current.Status != api.DeploymentRunning {
		return t.migrate
	}
	limit := api.Deref(t.group.Update.MaxParallel) - placed
	for _, i := range slices.Concat(t.current, t.apart) {
		if i.DeploymentID == current.ID && healthOf(i.Allocation) == healthUnknown {
			limit--
		}
	}
	var now []want
	for _, w := range t.migrate {
		if api.Deref(w.prev.DesiredTransition.MigrateWhenPlaced) {
			if limit <= 0 {
				continue
			}
			limit--
		}
		now = append(now, w)
	}
	return now
}

// limit is how many instances may be replaced by the current version now, when that
// many are placed besides: no more than max_parallel may be on their way to being
// healthy, and none is begun while one is unhealthy.
func (t *tally) limit(v *view, current *api.Deployment, placed int) int {
	if !rolls(v.job, t.group) {
		return len(t.destructive)
	}
	if current != nil && !goesOn(current) && current.Status != api.DeploymentSuccessful {
		return 0
	}
	limit := api.Deref(t.group.Update.MaxParallel) - placed
	if current == nil {
		return max(0, limit)
	}
	for _, i := range slices.Concat(t.current, t.apart) {
		if i.DeploymentID != current.ID {
			continue
		}
		switch healthOf(i.Allocation) {
		case healthUnknown:
			limit--
		case unhealthy:
			return 0
		}
	}
	for _, w := range t.reschedule {
		if w.prev.DeploymentID == current.ID && healthOf(w.prev.Allocation) == unhealthy {
			return 0
		}
	}
	return max(0, limit)
}
