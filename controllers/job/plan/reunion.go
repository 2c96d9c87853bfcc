package plan

import (
	"slices"
	"time"

	"github.com/droverhq/drover/api"
)

// returned reports whether an instance runs that was unknown for a time, and was
// replaced meanwhile. Otherwise, who has a successor is to stop, or has ended.
func (i *Instance) returned() bool {
	return i.Lost == "" && i.WantsRun() && !i.ended() && i.NextAllocation != ""
}

// mayReturn reports whether an instance that does not hold its slot is left alone,
// because its node may come back. It holds it again then, or gives way.
func (v *View) mayReturn(i *Instance) bool { return i.Unknown() && i.WantsRun() && !v.foreign(i) }

// stays reports whether, of an instance that returned and one that took its slot
// meanwhile, a stays rather than b. Without other grounds that is the older one.
func stays(g *api.TaskGroup, a, b *Instance) bool {
	switch strategy := g.ReconcilesBy(); strategy {
	case api.ReconcileKeepOriginal:
	case api.ReconcileKeepReplacement:
		return Newer(a, b)
	default:
		if x, y := a.runsSince(), b.runsSince(); x.IsZero() != y.IsZero() {
			return y.IsZero()
		} else if strategy == api.ReconcileLongestRunning && !x.Equal(y) {
			return x.Before(y)
		}
		if x, y := a.score(), b.score(); strategy == api.ReconcileBestScore && x != y {
			return x > y
		}
	}
	return Newer(b, a)
}

// Reunites reports whether a plan decides between instances that returned and those
// that took their slots.
func (g *Group) Reunites() bool {
	return len(g.Kept) > 0 || slices.ContainsFunc(g.Stop, func(i *Instance) bool { return i.GaveWay })
}

// runsSince returns since when all tasks of an instance that should run do; zero if
// they don't.
func (i *Instance) runsSince() time.Time {
	var since time.Time
	if i.status == nil || i.status.ClientStatus != api.AllocClientRunning {
		return since
	}
	for _, t := range i.status.TaskStates {
		if t.State == api.TaskStateRunning && t.StartedAt != nil && t.StartedAt.After(since) {
			since = *t.StartedAt
		}
	}
	return since
}

// score returns how good a choice its node was for an instance, when it was placed.
func (i *Instance) score() float64 {
	if metric := i.Placement.Decode(); metric != nil {
		for _, m := range metric.ScoreMetaData {
			if m.NodeID == i.NodeID {
				return m.NormScore
			}
		}
	}
	return 0
}
