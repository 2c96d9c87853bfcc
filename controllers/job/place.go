package job

import (
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/scheduler"
)

// engine places instances. It is a *scheduler.Fleet, which is guarded by whoever
// calls place.
type engine interface {
	Place(scheduler.Ask) ([]scheduler.Placement, *api.AllocationMetric)
	PlaceOn(scheduler.Ask, []string) ([]scheduler.Placement, *api.AllocationMetric)
	RemoveAllocation(id string)
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
}

// place finds room for what a plan wants. The engine assumes the placements.
func (p *plan) place(j *api.Job, on engine, newID func() string) *placed {
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
			batch.place(j, on, newID, found, out)
		}
	}
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
	group   *groupPlan
	wants   []int // indexes into group.wants
	penalty []string
	frees   bool // their predecessors stop in the same transaction, if they have not been told to before
	system  bool
}

// batches cuts the wants of a group so that those of one batch can be exchanged:
// they avoid the same nodes, and all or none make room by their predecessors' end.
func batches(j *api.Job, g *groupPlan) []*batch {
	var out []*batch
	byPenalty := make(map[string]*batch)
	var rest, updates *batch
	for n, w := range g.wants {
		var b **batch
		switch w.why {
		case rescheduled:
			fallen := byPenalty[w.prev.NodeID]
			if fallen == nil {
				fallen = &batch{group: g, penalty: []string{w.prev.NodeID}, system: j.IsSystem()}
				byPenalty[w.prev.NodeID] = fallen
				out = append(out, fallen)
			}
			fallen.wants = append(fallen.wants, n)
			continue
		case updated, migrated, resumed:
			b = &updates
		default:
			b = &rest
		}
		if *b == nil {
			*b = &batch{group: g, frees: b == &updates, system: j.IsSystem()}
			out = append(out, *b)
		}
		(*b).wants = append((*b).wants, n)
	}
	return out
}

// place asks for the whole batch. Where that fails although predecessors make room,
// it asks for one after the other: the room of an instance that is not replaced,
// and so does not stop, must not be counted on.
func (b *batch) place(j *api.Job, on engine, newID func() string, found []scheduler.Placement, out *placed) {
	got, why := b.ask(j, on, newID, b.wants)
	if why == nil || !b.frees || len(b.wants) == 1 {
		b.take(got, b.wants, found)
		b.unplaced(len(b.wants)-len(got), why, out)
		return
	}
	for _, at := range got {
		on.RemoveAllocation(at.AllocID)
	}
	failed, first := 0, why
	for n := range b.wants {
		one := b.wants[n : n+1]
		got, why := b.ask(j, on, newID, one)
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
		out.fail(b.group.name, why, count)
	}
}

func (b *batch) ask(j *api.Job, on engine, newID func() string, wants []int) ([]scheduler.Placement, *api.AllocationMetric) {
	ask := scheduler.Ask{
		Job:          j,
		Group:        b.group.group,
		Count:        len(wants),
		PenaltyNodes: b.penalty,
		IDs:          make([]string, len(wants)),
	}
	for n := range ask.IDs {
		ask.IDs[n] = newID()
	}
	if b.frees {
		ask.Freed = make([]string, len(wants))
		for n, w := range wants {
			ask.Freed[n] = b.group.wants[w].prev.ID
		}
	}
	if !b.system {
		return on.Place(ask)
	}
	nodes := make([]string, len(wants))
	for n, w := range wants {
		nodes[n] = b.group.wants[w].node
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
		found[w] = byNode[b.group.wants[w].node]
	}
}
