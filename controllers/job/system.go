package job

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
func countNodes(v *view, g *api.TaskGroup, of []*instance, nodes ground) *tally {
	t := newTally(v, g, of)
	feasible, why := nodes.Feasible(v.job, g)
	slices.Sort(feasible)
	t.feasible = len(feasible)
	if len(feasible) == 0 {
		t.nowhere = why
	}
	holders, past := t.perNode(v, g, of)
	fates := fates{view: v, group: g, nodes: nodes}
	name := api.AllocName(v.req.ID, t.name, 0)
	for _, node := range feasible {
		h := holders[node]
		delete(holders, node)
		if h == nil {
			t.vacate(want{name: name, node: node}, past[node])
			continue
		}
		t.sort(h, want{name: name, node: node, prev: h, from: h}, &fates)
	}
	// Whoever was placed last is replaced last, so that one who comes takes nobody's turn.
	slices.SortStableFunc(t.destructive, func(a, b want) int { return cmp.Compare(a.prev.CreateIndex, b.prev.CreateIndex) })
	for _, i := range of {
		switch {
		case holders[i.NodeID] != i:
		case i.leaving():
			t.surplus = append(t.surplus, i)
		case nodes.Suits(v.job, g, i.NodeID):
			t.apart = append(t.apart, i)
		case i.live():
			t.surplus = append(t.surplus, i)
		}
	}
	return t
}

// perNode finds who holds which node, and who held it last where nobody does.
func (t *tally) perNode(v *view, g *api.TaskGroup, of []*instance) (holders, past map[string]*instance) {
	holders, past = make(map[string]*instance, len(of)), make(map[string]*instance)
	for _, i := range of {
		if !v.holds(g, i) {
			if newer(i, past[i.NodeID]) {
				past[i.NodeID] = i
			}
			if i.live() {
				t.surplus = append(t.surplus, i)
			}
			continue
		}
		held := holders[i.NodeID]
		if held == nil || v.better(g, i, held) {
			holders[i.NodeID], i = i, held
		}
		if i != nil && i.live() {
			t.surplus = append(t.surplus, i)
		}
	}
	return holders, past
}
