package job

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
func (t *tally) settle(v *view, current *api.Deployment) *groupPlan {
	p := &groupPlan{name: t.name, group: t.group, more: t.more, inPlace: t.inPlace, stop: t.surplus, nowhere: t.nowhere, awaits: t.awaits(current), failed: len(t.idle) > 0}
	p.wants = make([]want, 0, len(t.vacant)+len(t.reschedule))
	for _, w := range t.vacant {
		if w = t.keepVersion(v, current, t.likeOthers(v, w)); t.mayFill(v, current, w) {
			p.wants = append(p.wants, w)
		}
	}
	replaced := 0
	for _, w := range t.reschedule {
		if mayReschedule(current, w) {
			p.wants = append(p.wants, t.keepVersion(v, current, w))
			replaced++
		}
	}
	placed := len(p.wants)
	leaving := t.leave(v, current, placed)
	for _, w := range leaving {
		p.wants = append(p.wants, t.keepVersion(v, current, w))
	}
	updates := t.update(v, p, current)
	p.kept = t.kept(t.destructive[updates:])

	held := len(t.destructive) - updates + len(t.reschedule) - replaced + len(t.migrate) - len(leaving)
	p.counts = api.DesiredUpdates{
		Ignore:            uint64(len(t.current) + t.settled.count() + len(t.apart) + t.stale + held),
		Place:             uint64(placed + t.more),
		Migrate:           uint64(len(leaving)),
		Stop:              uint64(len(t.surplus) + replaced),
		InPlaceUpdate:     uint64(len(t.inPlace)),
		DestructiveUpdate: uint64(updates),
		Disconnect:        uint64(t.disconnected()),
		Reconnect:         uint64(len(p.kept)),
		RescheduleNow:     uint64(replaced),
	}
	if t.onTrial(current) && v.job.IsSystem() {
		p.counts.DestructiveUpdate, p.counts.Canary = 0, uint64(updates)
	}
	t.tryOut(v, p, current)
	return p
}

// update plans which instances are replaced by the current version now, and returns
// how many. Those that do no good go first.
func (t *tally) update(v *view, p *groupPlan, current *api.Deployment) int {
	placed := 0
	for i := range p.wants {
		if p.wants[i].older == nil {
			placed++
		}
	}
	limit, again := t.limit(v, current, placed+t.staying(p, current))
	p.again = again
	slices.SortStableFunc(t.destructive, func(a, b want) int {
		return cmp.Compare(a.prev.use(), b.prev.use())
	})
	updates := t.destructive[:min(len(t.destructive), limit)]
	for _, w := range updates {
		w.canary = t.onTrial(current)
		p.wants = append(p.wants, w)
	}
	return len(updates)
}

// likeOthers gives an instance of a system job on a node that had none the version that
// the other nodes have, should the current one be held back.
func (t *tally) likeOthers(v *view, w want) want {
	if !v.job.IsSystem() || w.from != nil {
		return w
	}
	for _, other := range t.destructive {
		if newer(other.prev, w.from) {
			w.from = other.prev
		}
	}
	return w
}

// mayFill reports whether a vacant slot is filled now. A rollout that is paused or
// has failed, or whose canaries are not promoted, adds nothing; but what was there and
// is gone without having failed is made up for. A node that joins gets its instance of
// a system job in any case.
func (t *tally) mayFill(v *view, current *api.Deployment, w want) bool {
	switch {
	case current == nil || w.older != nil || w.why == lost || w.why == migrated || w.why == preempted:
		return true
	case goesOn(current):
		return v.job.IsSystem() || !t.onTrial(current)
	}
	return v.job.IsSystem() && current.Status == api.DeploymentFailed
}

// mayReschedule reports whether a failed instance is replaced now: not if it is the
// rollout of its version that has failed.
func mayReschedule(current *api.Deployment, w want) bool {
	return current == nil || current.Status != api.DeploymentFailed || w.prev.DeploymentID != current.ID
}

// limit is how many instances may be replaced by the current version now, when that
// many are placed besides, and when that may be more although nothing changes. No more
// than max_parallel may be on their way to being healthy, and none is begun while one
// is unhealthy, nor, but for the canaries of a system job, before canaries are
// promoted. Those of a system job are on their way for the stagger at least.
func (t *tally) limit(v *view, current *api.Deployment, placed int) (limit int, again time.Time) {
	if !rolls(v.job, t.group) {
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
		if !v.job.IsSystem() {
			return 0, again
		}
		limit = min(limit, t.canariesLeft(current))
	}
	for _, i := range t.ofRollout(current) {
		switch health := healthOf(i.Allocation); {
		case health == unhealthy:
			return 0, time.Time{}
		case health == healthUnknown, !v.job.IsSystem() && (!i.live() || i.Lost != ""):
			limit-- // is not healthy, or not any more
		default:
			if until := t.paceUntil(v, i); until.After(v.now) {
				limit--
				again = sooner(again, until)
			}
		}
	}
	if !v.job.IsSystem() {
		limit -= t.stale // hold their slots, and do not serve
	}
	for _, i := range t.inPlace {
		if i.DeploymentID != "" && healthOf(i.Allocation) != healthy {
			limit-- // begun by a rollout that another version cut short
		}
	}
	for _, w := range t.reschedule {
		if w.prev.DeploymentID == current.ID && healthOf(w.prev.Allocation) == unhealthy {
			return 0, time.Time{}
		}
	}
	switch {
	case len(t.destructive) == 0:
		again = time.Time{}
	case placed > 0 && len(t.destructive) > limit && !current.Active():
		// Nobody says how those do that are placed when the rollout is over.
		again = sooner(again, v.now.Add(max(time.Second, api.Deref(t.group.Update.MinHealthyTime))))
	}
	return max(0, limit), again
}

// paceUntil is until when an instance of a system job, which took the place of another
// one, keeps the next from being replaced even if it is healthy.
func (t *tally) paceUntil(v *view, i *instance) time.Time {
	if !v.job.IsSystem() || i.PreviousAllocation == "" {
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
