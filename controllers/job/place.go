package job

import (
	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/scheduler"
	"github.com/droverhq/drover/store"
)

// try says where the instances of a plan would go. It is for a fleet that nobody else
// needs, as one that was copied: what finds room takes it, and nobody gives it back.
func (f *fleet) try(v *view, p *plan, snap store.Snapshot, newID func() string) *placed {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.find(v, p, snap, newID)
}

// find finds room for what a plan wants, by the end of others if there is none otherwise.
// The engine assumes the placements.
func (f *fleet) find(v *view, p *plan, snap store.Snapshot, newID func() string) *placed {
	j := v.job
	out := &placed{groups: make([][]scheduler.Placement, len(p.groups)), queued: make(map[string]int)}
	policy, victims := policyOf(snap, j), f.victims(snap, j)
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
			batch.policy, batch.victims = policy, victims
			batch.place(f.engine, newID, found, out)
		}
		out.behind(g)
	}
	out.together(v, p, f.engine)
	out.noteEvictions(snap)
	var short []*api.TaskGroup
	for _, g := range p.groups {
		if out.queued[g.name] > 0 {
			short = append(short, g.group)
		}
	}
	if len(short) > 0 {
		out.classes = f.engine.ClassEligibility(j, short...)
	}
	return out
}
