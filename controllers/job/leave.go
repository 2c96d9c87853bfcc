package job

import (
	"slices"

	"github.com/droverhq/drover/api"
)

// leave returns who leaves now of those that were asked to, when that many instances
// are placed besides. What a drain asks for is not urgent. It waits while others of the
// group are missing that ran when it was asked for; and while a rollout goes on, both
// together have no more on their way to being healthy than the rollout may.
func (t *tally) leave(v *view, current *api.Deployment, placed int) []want {
	inAir := t.airspace(v, current) - placed
	spare := t.spare()
	var now []want
	for _, w := range t.migrate {
		if w.patient() {
			runs := w.prev.runs()
			if inAir <= 0 || runs && spare <= 0 {
				continue
			}
			inAir--
			if runs {
				spare--
			}
		}
		now = append(now, w)
	}
	return now
}

// staying is how many of those that were asked to leave, and stay for now, are of a rollout
// and not healthy: they are on their way like those that it placed elsewhere.
func (t *tally) staying(p *groupPlan, current *api.Deployment) int {
	if current == nil || !current.Active() {
		return 0
	}
	n := 0
	for _, w := range t.migrate {
		leaves := slices.ContainsFunc(p.wants, func(other want) bool { return other.prev == w.prev })
		if !leaves && w.prev.DeploymentID == current.ID && healthOf(w.prev.Allocation) != healthy {
			n++
		}
	}
	return n
}

// patient reports whether a drain asked the predecessor to leave that has time.
func (w *want) patient() bool {
	return w.why == migrated && api.Deref(w.prev.DesiredTransition.MigrateWhenPlaced)
}

// leaves reports whether the predecessor stops even if there is no room for its
// successor.
func (w *want) leaves() bool {
	return w.why == migrated && w.prev.live() && !w.patient()
}

// frees reports whether its predecessor stops for it in the same transaction, if he has not
// been told to before: who comes may count on the room.
func (w *want) frees() bool {
	switch w.why {
	case updated, migrated, resumed, preempted:
		return true
	}
	return false
}

// unbounded is more than any group has.
const unbounded = 1 << 30

// airspace is how many instances may be on their way to being healthy besides those
// that are, during a rollout that replaces others.
func (t *tally) airspace(v *view, current *api.Deployment) int {
	if !rolls(v.job, t.group) || current == nil || current.Status != api.DeploymentRunning || t.onTrial(current) {
		return unbounded
	}
	n := api.Deref(t.group.Update.MaxParallel)
	for _, i := range slices.Concat(t.current, t.apart) {
		if i.DeploymentID == current.ID && healthOf(i.Allocation) == healthUnknown {
			n--
		}
	}
	return n
}

// spare is how many of the instances that run may stop for drains.
func (t *tally) spare() int {
	if t.group.Migrate == nil {
		return unbounded
	}
	n := api.Deref(t.group.Migrate.MaxParallel) - max(0, api.Deref(t.group.Count)) + t.settled.runs()
	for _, i := range slices.Concat(t.current, t.apart, t.inPlace) {
		if i.runs() {
			n++
		}
	}
	for _, w := range slices.Concat(t.destructive, t.migrate) {
		if w.prev.runs() && (w.why != migrated || w.patient()) {
			n++
		}
	}
	return n
}
