package job

import (
	"slices"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/scheduler"
)

// engine places instances. It is a *scheduler.Fleet, which is guarded by whoever
// calls place.
type engine interface {
	Place(scheduler.Ask) ([]scheduler.Placement, *api.AllocationMetric)
	PlaceOn(scheduler.Ask, []string) ([]scheduler.Placement, *api.AllocationMetric)
	GiveBack(scheduler.Placement)
	ClassEligibility(*api.Job, ...*api.TaskGroup) map[string]bool
}

// placed is where the instances of a plan go. Entries are by group and, in it, by
// want; one whose AllocID is empty found no room.
type placed struct {
	names  []string // of the groups
	groups [][]scheduler.Placement
	// failed says, by group, why instances found no room, and queued how many.
	failed map[string]*api.AllocationMetric
	queued map[string]int
	// classes says which classes of nodes would do for the groups that found no room.
	classes map[string]bool
	// evicted are who has to end, by the ID of the allocation for whose sake.
	evicted map[string][]evicted
}

// place finds room for what a plan wants, by the end of others if there is none otherwise.
// The engine assumes the placements.
func (p *plan) place(v *view, on engine, others others, newID func() string) *placed {
	j := v.job
	out := &placed{groups: make([][]scheduler.Placement, len(p.groups)), queued: make(map[string]int)}
	for n, g := range p.groups {
		out.names = append(out.names, g.name)
		found := make([]scheduler.Placement, len(g.wants))
		out.groups[n] = found
		if g.group != nil {
			out.queued[g.name] = 0
		}
		if g.nowhere != nil {
			out.fail(g.name, g.nowhere, 0)
		}
		for _, batch := range batches(j, g) {
			batch.policy, batch.victims = v.policy(), others.victims
			batch.place(on, newID, found, out)
		}
		out.behind(g)
	}
	p.together(j, on, out)
	out.noteEvicted(others.snap, p)
	var short []*api.TaskGroup
	for _, g := range p.groups {
		if out.queued[g.name] > 0 {
			short = append(short, g.group)
		}
	}
	if len(short) > 0 {
		out.classes = on.ClassEligibility(j, short...)
	}
	return out
}

func (o *placed) fail(group string, why *api.AllocationMetric, count int) {
	if o.failed == nil {
		o.failed = make(map[string]*api.AllocationMetric)
	}
	if o.failed[group] == nil {
		o.failed[group] = why
	}
	o.queued[group] += count
}

// behind counts what a group wants besides what was tried.
func (o *placed) behind(g *groupPlan) {
	if g.more == 0 {
		return
	}
	o.queued[g.name] += g.more
	if why := o.failed[g.name]; why != nil {
		more := *why
		more.CoalescedFailures += g.more
		o.failed[g.name] = &more
	}
}

// unfinished reports whether all that was tried of some group found room, and more of it
// may.
func (p *plan) unfinished(at *placed) bool {
	return slices.ContainsFunc(p.groups, func(g *groupPlan) bool { return g.more > 0 && at.queued[g.name] == g.more })
}

// eachIn calls f with every placement that was made, and the number of its group.
func (o *placed) eachIn(f func(group int, at *scheduler.Placement)) {
	for n, group := range o.groups {
		for i := range group {
			if group[i].AllocID != "" {
				f(n, &group[i])
			}
		}
	}
}

// count is how many instances of a group found room.
func (o *placed) count(group int) int {
	n := 0
	for i := range o.groups[group] {
		if o.groups[group][i].AllocID != "" {
			n++
		}
	}
	return n
}

// took notes how long it took to find room, for each instance.
func (o *placed) took(all time.Duration) {
	count := len(o.failed)
	o.eachIn(func(int, *scheduler.Placement) { count++ })
	if count == 0 {
		return
	}
	each := all / time.Duration(count)
	o.eachIn(func(_ int, at *scheduler.Placement) { at.Metrics.AllocationTime = each })
	for group, why := range o.failed {
		timed := *why
		timed.AllocationTime = each
		o.failed[group] = &timed
	}
}

// batch is wants of a group that are asked for together.
type batch struct {
	name    string // of the group
	job     *api.Job
	group   *api.TaskGroup
	all     []want // of the group
	wants   []int  // indexes into all
	penalty []string
	policy  scheduler.Policy
	victims func(node string) []scheduler.Victim
	frees   bool // their predecessors stop in the same transaction, if they have not been told to before
	system  bool
}

// alike is what wants of one batch have in common. A group in which each instance has a
// volume of its own has a batch for each.
type alike struct {
	older   *api.Job
	group   *api.TaskGroup // as that of its index
	penalty string         // the nodes to be avoided
	frees   bool
}

// batches cuts the wants of a group so that those of one batch can be exchanged: they
// are of one version, avoid the same nodes, and all or none make room by their
// predecessors' end.
func batches(j *api.Job, g *groupPlan) []*batch {
	var out []*batch
	known := make(map[alike]*batch)
	for n := range g.wants {
		w := &g.wants[n]
		job, group := w.spec(j, g.group)
		kind := alike{older: w.older, group: group}
		switch w.why {
		case rescheduled:
			kind.penalty = strings.Join(w.prev.failedOn(), " ")
		case updated, migrated, resumed, preempted:
			kind.frees = true
		}
		b := known[kind]
		if b == nil {
			b = &batch{name: g.name, job: job, group: group, all: g.wants, frees: kind.frees, system: j.IsSystem()}
			if kind.penalty != "" {
				b.penalty = strings.Fields(kind.penalty)
			}
			known[kind] = b
			out = append(out, b)
		}
		b.wants = append(b.wants, n)
	}
	return out
}

// place asks for the whole batch. Where that fails although predecessors make room,
// it asks for one after the other: the room of an instance that is not replaced,
// and so does not stop, must not be counted on.
func (b *batch) place(on engine, newID func() string, found []scheduler.Placement, out *placed) {
	got, why := b.ask(on, newID, b.wants)
	if why == nil || !b.frees || len(b.wants) == 1 {
		b.take(got, b.wants, found)
		b.unplaced(len(b.wants)-len(got), why, out)
		return
	}
	for _, at := range got {
		on.GiveBack(at)
	}
	failed, first := 0, why
	for n := range b.wants {
		one := b.wants[n : n+1]
		got, why := b.ask(on, newID, one)
		b.take(got, one, found)
		if why == nil {
			continue
		}
		if failed++; failed == 1 {
			first = why
		}
	}
	if failed > 0 {
		explained := *first
		explained.CoalescedFailures = failed - 1
		b.unplaced(failed, &explained, out)
	}
}

func (b *batch) unplaced(count int, why *api.AllocationMetric, out *placed) {
	if why != nil {
		out.fail(b.name, why, count)
	}
}

func (b *batch) ask(on engine, newID func() string, wants []int) ([]scheduler.Placement, *api.AllocationMetric) {
	ask := scheduler.Ask{
		Job:          b.job,
		Group:        b.group,
		Count:        len(wants),
		PenaltyNodes: b.penalty,
		Policy:       b.policy,
		Victims:      b.victims,
		IDs:          make([]string, len(wants)),
	}
	for n := range ask.IDs {
		ask.IDs[n] = newID()
	}
	slices.Sort(ask.IDs) // who is written together is then together in tables and on disk
	if b.frees {
		ask.Freed = make([]string, len(wants))
		for n, w := range wants {
			ask.Freed[n] = b.all[w].prev.ID
		}
	}
	if !b.system {
		return on.Place(ask)
	}
	nodes := make([]string, len(wants))
	for n, w := range wants {
		nodes[n] = b.all[w].node
	}
	return on.PlaceOn(ask, nodes)
}

// take notes which want got which placement: any in a group with a count, the one
// for its node in a system job.
func (b *batch) take(got []scheduler.Placement, wants []int, found []scheduler.Placement) {
	if !b.system {
		for n, at := range got {
			found[wants[n]] = at
		}
		return
	}
	byNode := make(map[string]scheduler.Placement, len(got))
	for _, at := range got {
		byNode[at.NodeID] = at
	}
	for _, w := range wants {
		found[w] = byNode[b.all[w].node]
	}
}
