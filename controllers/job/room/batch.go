package room

import (
	"slices"
	"strings"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/job/plan"
	"github.com/droverhq/drover/scheduler"
)

// batch is wants of a group that are asked for together.
type batch struct {
	name    string // of the group
	job     *api.Job
	group   *api.TaskGroup
	all     []plan.Want // of the group
	wants   []int       // indexes into all
	penalty []string
	policy  scheduler.Policy
	victims func(node string) []scheduler.Victim
	home    string // the only node that will do; empty: any will
	prefer  string // the node that is chosen if it will do; empty: none
	frees   bool   // their predecessors stop in the same transaction, if they have not been told to before
	system  bool
}

// alike is what wants of one batch have in common. A group in which each instance has a
// volume of its own has a batch for each.
type alike struct {
	older   *api.Job
	group   *api.TaskGroup // as that of its index
	penalty string         // the nodes to be avoided
	home    string
	prefer  string
	frees   bool
}

// batches cuts the wants of a group so that those of one batch can be exchanged: they
// are of one version, avoid the same nodes, and all or none make room by their
// predecessors' end.
func batches(j *api.Job, g *plan.Group) []*batch {
	var out []*batch
	known := make(map[alike]*batch)
	for n := range g.Wants {
		w := &g.Wants[n]
		job, group := w.Spec(j, g.Spec)
		kind := alike{older: w.Older, group: group, home: w.Home, prefer: w.Preferred(j, g.Spec), frees: w.Frees()}
		if w.Why == plan.Rescheduled {
			kind.penalty = strings.Join(w.Prev.FailedOn(), " ")
		}
		b := known[kind]
		if b == nil {
			b = &batch{name: g.Name, job: job, group: group, all: g.Wants, home: w.Home, prefer: kind.prefer, frees: kind.frees, system: j.IsSystem()}
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
func (b *batch) place(on *scheduler.Fleet, newID func() string, found []scheduler.Placement, out *Placed) {
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

func (b *batch) unplaced(count int, why *api.AllocationMetric, out *Placed) {
	if why != nil {
		out.fail(b.name, why, count)
	}
}

func (b *batch) ask(on *scheduler.Fleet, newID func() string, wants []int) ([]scheduler.Placement, *api.AllocationMetric) {
	ask := scheduler.Ask{
		Job:          b.job,
		Group:        b.group,
		Count:        len(wants),
		PenaltyNodes: b.penalty,
		Policy:       b.policy,
		Node:         b.home,
		Preferred:    b.prefer,
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
			ask.Freed[n] = b.all[w].Prev.ID
		}
	}
	if !b.system {
		return on.Place(ask)
	}
	nodes := make([]string, len(wants))
	for n, w := range wants {
		nodes[n] = b.all[w].Node
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
		found[w] = byNode[b.all[w].Node]
	}
}
