package plan

import (
	"cmp"
	"slices"

	"github.com/droverhq/drover/api"
)

// countNodes makes the tally of a group of a system job: one instance on every node
// that is right for it. All of them have the number 0.
//
// A node that is down, or that takes nothing new, keeps what it has (the allocation
// controller speaks of the lost ones, the drain controller of those that have to
// leave); a node that is not right for the group any more has its instance stopped.
func countNodes(v *View, g *api.TaskGroup, of []*Instance, nodes Ground) *tally {
	t := newTally(v, g, of)
	feasible, why := nodes.Feasible(v.Job, g)
	slices.Sort(feasible)
	t.feasible = len(feasible)
	if len(feasible) == 0 {
		t.nowhere = why
	}
	holders, past := t.perNode(v, g, of)
	fates := fates{view: v, group: g, nodes: nodes}
	name := api.AllocName(v.Req.ID, t.name, 0)
	for _, node := range feasible {
		h := holders[node]
		delete(holders, node)
		if h == nil {
			t.vacate(Want{Name: name, Node: node}, past[node])
			continue
		}
		t.sort(h, Want{Name: name, Node: node, Prev: h, from: h}, &fates)
	}
	// Whoever was placed last is replaced last, so that one who comes takes nobody's turn.
	slices.SortStableFunc(t.destructive, func(a, b Want) int { return cmp.Compare(a.Prev.CreateIndex, b.Prev.CreateIndex) })
	for _, i := range of {
		switch {
		case holders[i.NodeID] != i:
		case i.Leaving():
			t.surplus = append(t.surplus, i)
		case nodes.Suits(v.Job, g, i.NodeID):
			t.apart = append(t.apart, i)
		case i.Live():
			t.surplus = append(t.surplus, i)
		}
	}
	return t
}

// perNode finds who holds which node, and who held it last where nobody does.
func (t *tally) perNode(v *View, g *api.TaskGroup, of []*Instance) (holders, past map[string]*Instance) {
	holders, past = make(map[string]*Instance, len(of)), make(map[string]*Instance)
	for _, i := range of {
		if !v.holds(g, i) {
			if Newer(i, past[i.NodeID]) {
				past[i.NodeID] = i
			}
			if i.Live() {
				t.surplus = append(t.surplus, i)
			}
			continue
		}
		held := holders[i.NodeID]
		if held == nil || v.better(g, i, held) {
			holders[i.NodeID], i = i, held
		}
		if i != nil && i.Live() {
			t.surplus = append(t.surplus, i)
		}
	}
	return holders, past
}
