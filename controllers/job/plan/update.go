package plan

import (
	"cmp"
	"slices"
	"time"

	"github.com/droverhq/drover/api"
)

// rolls reports whether a group is rolled out step by step.
func rolls(j *api.Job, g *api.TaskGroup) bool {
	return !j.IsBatch() && g.Update != nil && api.Deref(g.Update.MaxParallel) > 0
}

// settle says how much of what has to be done is done now. current is the deployment
// of the job's version, if there is one, whatever its state.
func (t *tally) settle(v *View, current *api.Deployment) *Group {
	p := &Group{Name: t.name, Spec: t.group, More: t.more, InPlace: t.inPlace, Stop: t.surplus, Nowhere: t.nowhere, Awaits: t.awaits(current), Failed: len(t.idle) > 0}
	p.Wants = make([]Want, 0, len(t.vacant)+len(t.reschedule))
	for _, w := range t.vacant {
		if w = t.keepVersion(v, current, t.likeOthers(v, w)); t.mayFill(v, current, w) {
			p.Wants = append(p.Wants, w)
		}
	}
	replaced := 0
	for _, w := range t.reschedule {
		if mayReschedule(current, w) {
			p.Wants = append(p.Wants, t.keepVersion(v, current, w))
			replaced++
		}
	}
	placed := len(p.Wants)
	leaving := t.leave(v, current, placed)
	for _, w := range leaving {
		p.Wants = append(p.Wants, t.keepVersion(v, current, w))
	}
	updates := t.update(v, p, current)
	p.Kept = t.kept(t.destructive[updates:])

	held := len(t.destructive) - updates + len(t.reschedule) - replaced + len(t.migrate) - len(leaving)
	p.Counts = api.DesiredUpdates{
		Ignore:            uint64(len(t.current) + t.settled.Count() + len(t.apart) + t.stale + held),
		Place:             uint64(placed + t.more),
		Migrate:           uint64(len(leaving)),
		Stop:              uint64(len(t.surplus) + replaced),
		InPlaceUpdate:     uint64(len(t.inPlace)),
		DestructiveUpdate: uint64(updates),
		Disconnect:        uint64(t.disconnected()),
		Reconnect:         uint64(len(p.Kept)),
		RescheduleNow:     uint64(replaced),
	}
	if t.onTrial(current) && v.Job.IsSystem() {
		p.Counts.DestructiveUpdate, p.Counts.Canary = 0, uint64(updates)
	}
	t.tryOut(v, p, current)
	return p
}

// update plans which instances are replaced by the current version now, and returns
// how many. Those that do no good go first.
func (t *tally) update(v *View, p *Group, current *api.Deployment) int {
	placed := 0
	for i := range p.Wants {
		if p.Wants[i].Older == nil {
			placed++
		}
	}
	limit, again := t.limit(v, current, placed+t.staying(p, current))
	p.Again = again
	slices.SortStableFunc(t.destructive, func(a, b Want) int {
		return cmp.Compare(a.Prev.use(), b.Prev.use())
	})
	updates := t.destructive[:min(len(t.destructive), limit)]
	for _, w := range updates {
		w.Canary = t.onTrial(current)
		p.Wants = append(p.Wants, w)
	}
	return len(updates)
}

// likeOthers gives an instance of a system job on a node that had none the version that
// the other nodes have, should the current one be held back.
func (t *tally) likeOthers(v *View, w Want) Want {
	if !v.Job.IsSystem() || w.from != nil {
		return w
	}
	for _, other := range t.destructive {
		if Newer(other.Prev, w.from) {
			w.from = other.Prev
		}
	}
	return w
}

// mayFill reports whether a vacant slot is filled now. A rollout that is paused or
// has failed, or whose canaries are not promoted, adds nothing; but what was there and
// is gone without having failed is made up for. A node that joins gets its instance of
// a system job in any case.
func (t *tally) mayFill(v *View, current *api.Deployment, w Want) bool {
	switch {
	case current == nil || w.Older != nil || w.Why == Lost || w.Why == Migrated || w.Why == Preempted:
		return true
	case goesOn(current):
		return v.Job.IsSystem() || !t.onTrial(current)
	}
	return v.Job.IsSystem() && current.Status == api.DeploymentFailed
}

// mayReschedule reports whether a failed instance is replaced now: not if it is the
// rollout of its version that has failed.
func mayReschedule(current *api.Deployment, w Want) bool {
	return current == nil || current.Status != api.DeploymentFailed || w.Prev.DeploymentID != current.ID
}

// limit is how many instances may be replaced by the current version now, when that
// many are placed besides, and when that may be more although nothing changes. No more
// than max_parallel may be on their way to being healthy, and none is begun while one
// is unhealthy, nor, but for the canaries of a system job, before canaries are
// promoted. Those of a system job are on their way for the stagger at least.
func (t *tally) limit(v *View, current *api.Deployment, placed int) (limit int, again time.Time) {
	if !rolls(v.Job, t.group) {
		return len(t.destructive), again
	}
	if current != nil && !goesOn(current) && current.Status != api.DeploymentSuccessful {
		return 0, again
	}
	limit = api.Deref(t.group.Update.MaxParallel) - placed
	if current == nil {
		return max(0, limit), again
	}
	if t.onTrial(current) {
		if !v.Job.IsSystem() {
			return 0, again
		}
		limit = min(limit, t.canariesLeft(current))
	}
	for _, i := range t.ofRollout(current) {
		switch health := HealthOf(i.Allocation); {
		case health == Unhealthy:
			return 0, time.Time{}
		case health == HealthUnknown, !v.Job.IsSystem() && (!i.Live() || i.Lost != ""):
			limit-- // is not healthy, or not any more
		default:
			if until := t.paceUntil(v, i); until.After(v.Now) {
				limit--
				again = sooner(again, until)
			}
		}
	}
	if !v.Job.IsSystem() {
		limit -= t.stale // hold their slots, and do not serve
	}
	for _, i := range t.inPlace {
		if i.DeploymentID != "" && HealthOf(i.Allocation) != Healthy {
			limit-- // begun by a rollout that another version cut short
		}
	}
	for _, w := range t.reschedule {
		if w.Prev.DeploymentID == current.ID && HealthOf(w.Prev.Allocation) == Unhealthy {
			return 0, time.Time{}
		}
	}
	switch {
	case len(t.destructive) == 0:
		again = time.Time{}
	case placed > 0 && len(t.destructive) > limit && !current.Active():
		// Nobody says how those do that are placed when the rollout is over.
		again = sooner(again, v.Now.Add(max(time.Second, api.Deref(t.group.Update.MinHealthyTime))))
	}
	return max(0, limit), again
}

// paceUntil is until when an instance of a system job, which took the place of another
// one, keeps the next from being replaced even if it is healthy.
func (t *tally) paceUntil(v *View, i *Instance) time.Time {
	if !v.Job.IsSystem() || i.PreviousAllocation == "" {
		return time.Time{}
	}
	return time.Unix(0, i.CreateTime).Add(api.Deref(t.group.Update.Stagger))
}

// sooner returns the earlier of two moments, of which the zero one is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
