package plan

import (
	"fmt"
	"maps"
	"slices"

	"github.com/droverhq/drover/api"
)

// An indexed group has the numbers 0 to completions−1, each of which has to complete
// once, at most parallelism of them at a time. Which are done is kept in the job's
// status (api.IndexProgress), which is written with what follows from it. So instances
// that ended need not be looked at again (package roster), nor be kept.

// IsIndexed reports whether a group, which may be nil, is one of indexes.
func IsIndexed(g *api.TaskGroup) bool { return g != nil && g.Indexed != nil }

// isArray reports whether a job has an indexed group.
func isArray(j *api.Job) bool {
	return j != nil && slices.ContainsFunc(j.TaskGroups, IsIndexed)
}

// indexes is what a pass finds of an indexed group.
type indexes struct {
	view     *View
	group    *api.TaskGroup
	progress api.IndexProgress
	holders  map[int]*Instance // run, will, or may come back
	retries  map[int]*Instance // failed, and their time to be tried again has come
	waiting  map[int]bool      // failed, and will be tried again later
	past     map[int]*Instance // held an index last that nobody holds
	live     int               // instances that have not ended, whatever is wanted of them
	plan     *Group
}

// planIndexed says what is done to an indexed group.
func planIndexed(v *View, g *api.TaskGroup, of []*Instance, nodes Ground) *Group {
	x := &indexes{
		view: v, group: g, progress: v.progressOf(g),
		holders: make(map[int]*Instance), retries: make(map[int]*Instance),
		waiting: make(map[int]bool), past: make(map[int]*Instance),
		plan: &Group{Name: api.Deref(g.Name), Spec: g},
	}
	x.sort(of)
	x.settleHolders(&fates{view: v, group: g, nodes: nodes})
	x.fill()
	p := x.plan
	p.progress = &x.progress
	p.Failed = x.progress.Failed.Len() > 0
	p.Awaits = x.progress.Done() < x.progress.Completions
	p.Counts.Place = uint64(len(p.Wants))
	p.Counts.Stop = uint64(len(p.Stop)) + p.Counts.RescheduleNow
	p.Counts.InPlaceUpdate = uint64(len(p.InPlace))
	p.Counts.Ignore += uint64(len(x.waiting))
	return p
}

// progressOf returns how far the current version of an indexed group has got, as the
// job's status has it.
func (v *View) progressOf(g *api.TaskGroup) api.IndexProgress {
	fresh := api.IndexProgress{JobVersion: v.Current(), Completions: api.Deref(g.Indexed.Completions)}
	if v.Status == nil {
		return fresh
	}
	if known := v.Status.Indexed[api.Deref(g.Name)]; known != nil && known.JobVersion == fresh.JobVersion {
		return *known
	}
	return fresh
}

// sort takes over what became of the instances.
func (x *indexes) sort(of []*Instance) {
	v := x.view
	var completed, failed, revived []int
	for _, i := range of {
		if !i.ended() && i.Lost != api.AllocClientLost {
			x.live++
		}
		at := i.Slot
		switch inRange := at >= 0 && at < x.progress.Completions; {
		case !inRange || !v.holds(x.group, i):
			if inRange && Newer(i, x.past[at]) {
				x.past[at] = i
			}
			if !v.mayReturn(i) {
				x.stop(i)
			}
		case i.Done():
			completed = append(completed, at)
		case i.replaceable():
			x.retries[at] = i
			revived = append(revived, at)
		case i.failed():
			if _, again := x.group.ReschedulePolicy.Next(i.RescheduleTracker, i.status.EndedAt()); again {
				x.waiting[at] = true
			} else {
				failed = append(failed, at)
			}
		case x.holders[at] == nil:
			x.holders[at] = i
		case v.better(x.group, i, x.holders[at]):
			x.stop(x.holders[at])
			x.holders[at] = i
		default:
			x.stop(i)
		}
	}
	p := &x.progress
	p.Completed = p.Completed.With(completed...)
	p.Failed = p.Failed.With(failed...).Without(revived...).Without(completed...)
}

func (x *indexes) stop(i *Instance) {
	if i.Live() {
		x.plan.Stop = append(x.plan.Stop, i)
	}
}

// settleHolders says what is done to those that run. One that is asked to leave, or that
// the current version can't go on with, is stopped; its index comes again in its turn
// when it has ended, so that nothing of it runs twice at once.
func (x *indexes) settleHolders(f *fates) {
	p := x.plan
	for _, at := range slices.Sorted(maps.Keys(x.holders)) {
		h := x.holders[at]
		switch fate := f.of(h); {
		case x.progress.Completed.Has(at): // by another one
			x.stop(h)
		case h.Leaving():
			x.stop(h)
		case h.JobVersion == x.view.Current() || h.Unknown():
			p.Counts.Ignore++
		case fate == replace:
			x.stop(h)
		default:
			p.InPlace = append(p.InPlace, h)
		}
	}
}

// fill begins indexes that nobody holds, the lowest first, as many as may run besides
// those that do.
func (x *indexes) fill() {
	free := min(api.Deref(x.group.Indexed.Parallelism), x.progress.Completions) - x.live
	if free <= 0 {
		return
	}
	done := x.progress.Completed.Union(x.progress.Failed)
	for at := range done.Missing(x.progress.Completions) {
		if x.holders[at] != nil || x.waiting[at] || x.ending(at) {
			continue
		}
		w := Want{Name: api.AllocName(x.view.Req.ID, x.plan.Name, at)}
		if failed := x.retries[at]; failed != nil {
			w.Prev, w.from, w.Why = failed, failed, Rescheduled
			x.plan.Counts.RescheduleNow++
		} else {
			w.follow(x.past[at])
		}
		x.plan.Wants = append(x.plan.Wants, w)
		if free--; free == 0 {
			return
		}
	}
}

// ending reports whether who held an index last has been told to stop and has not ended.
func (x *indexes) ending(at int) bool {
	last := x.past[at]
	return last != nil && !last.ended() && last.Lost != api.AllocClientLost
}

// exceeded says that more indexes of a group have failed than may, or "".
func (g *Group) exceeded() string {
	if g.progress == nil || g.Spec.Indexed.MaxFailed == nil {
		return ""
	}
	failed, most := g.progress.Failed.Len(), *g.Spec.Indexed.MaxFailed
	if failed <= most {
		return ""
	}
	return fmt.Sprintf("%d indexes of group %q have failed, %d may (max_failed)", failed, g.Name, most)
}

// giveUp ends a job of which too much has failed: what runs is stopped.
func (p *Plan) giveUp(byGroup map[string][]*Instance) {
	for _, g := range p.Groups {
		if why := g.exceeded(); why != "" {
			p.Failure = why
		}
	}
	if p.Failure == "" {
		return
	}
	for n, g := range p.Groups {
		p.Groups[n] = &Group{Name: g.Name, Spec: g.Spec, progress: g.progress, Failed: true}
	}
	p.stopAll(byGroup)
}

// Progress returns how far the indexed groups are after a pass, by name; nil if there are
// none. Of a job that is over, they stay as they were.
func (p *Plan) Progress(v *View) map[string]*api.IndexProgress {
	var out map[string]*api.IndexProgress
	for _, g := range p.Groups {
		if g.progress == nil {
			continue
		}
		if out == nil {
			out = make(map[string]*api.IndexProgress)
		}
		out[g.Name] = g.progress
	}
	if out == nil && v.Status != nil && (v.Stopped() || v.late()) {
		return v.Status.Indexed
	}
	return out
}

// Begun reports whether some index has been done.
func (p *Plan) Begun() bool {
	return slices.ContainsFunc(p.Groups, func(g *Group) bool { return g.progress != nil && g.progress.Done() > 0 })
}

// Spent reports whether an instance that ended has no say in what its job does next, as the
// plan has noted what it did, or the job has no use for it. Those of groups with a count,
// whose numbers are given again, never are: see View.OutOfPlay.
func (p *Plan) Spent(v *View, i *Instance) bool {
	g := v.Job.Group(i.TaskGroup)
	if !i.ended() || g != nil && g.Indexed == nil {
		return false
	}
	if g == nil || !v.OfCurrent(i) || i.NextAllocation != "" {
		return true
	}
	for _, plan := range p.Groups {
		if plan.Name == i.TaskGroup && plan.progress != nil {
			return plan.progress.Completed.Has(i.Slot) || plan.progress.Failed.Has(i.Slot) && !i.replaceable()
		}
	}
	return false
}
