package plan

import (
	"slices"

	"github.com/droverhq/drover/api"
)

// leave returns who leaves now of those that were asked to, when that many instances
// are placed besides. What a drain asks for is not urgent. It waits while others of the
// group are missing that ran when it was asked for; and while a rollout goes on, both
// together have no more on their way to being healthy than the rollout may.
func (t *tally) leave(v *View, current *api.Deployment, placed int) []Want {
	inAir := t.airspace(v, current) - placed
	spare := t.spare()
	var now []Want
	for _, w := range t.migrate {
		if w.patient() {
			runs := w.Prev.Runs()
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
func (t *tally) staying(p *Group, current *api.Deployment) int {
	if current == nil || !current.Active() {
		return 0
	}
	n := 0
	for _, w := range t.migrate {
		leaves := slices.ContainsFunc(p.Wants, func(other Want) bool { return other.Prev == w.Prev })
		if !leaves && w.Prev.DeploymentID == current.ID && HealthOf(w.Prev.Allocation) != Healthy {
			n++
		}
	}
	return n
}

// patient reports whether a drain asked the predecessor to leave that has time.
func (w *Want) patient() bool {
	return w.Why == Migrated && api.Deref(w.Prev.DesiredTransition.MigrateWhenPlaced)
}

// Leaves reports whether the predecessor stops even if there is no room for its
// successor; as there can't be any elsewhere while it holds what nobody can share.
func (w *Want) Leaves() bool {
	return w.Why == Migrated && w.Prev.Live() && (!w.patient() || w.Prev.clings())
}

// clings reports whether an instance has a claim that it shares with nobody who could
// follow it: as long as it has not ended, no other node will do for its successor.
func (i *Instance) clings() bool {
	for n := range i.Claims {
		if i.Claims[n].Exclusive() {
			return true
		}
	}
	return false
}

// Frees reports whether its predecessor stops for it in the same transaction, if he has not
// been told to before: who comes may count on the room.
func (w *Want) Frees() bool {
	switch w.Why {
	case Updated, Migrated, Resumed, Preempted:
		return true
	}
	return false
}

// unbounded is more than any group has.
const unbounded = 1 << 30

// airspace is how many instances may be on their way to being healthy besides those
// that are, during a rollout that replaces others.
func (t *tally) airspace(v *View, current *api.Deployment) int {
	if !rolls(v.Job, t.group) || current == nil || current.Status != api.DeploymentRunning || t.onTrial(current) {
		return unbounded
	}
	n := api.Deref(t.group.Update.MaxParallel)
	for _, i := range slices.Concat(t.current, t.apart) {
		if i.DeploymentID == current.ID && HealthOf(i.Allocation) == HealthUnknown {
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
		if i.Runs() {
			n++
		}
	}
	for _, w := range slices.Concat(t.destructive, t.migrate) {
		if w.Prev.Runs() && (w.Why != Migrated || w.patient()) {
			n++
		}
	}
	return n
}
