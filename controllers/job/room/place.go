package room

import (
	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/job/plan"
	"github.com/droverhq/drover/scheduler"
	"github.com/droverhq/drover/store"
)

// Try says where the instances of a plan would go. It is for a fleet that nobody else needs
// (FleetOf, Copy): what finds room takes it, and nobody gives it back.
func (f *Fleet) Try(v *plan.View, p *plan.Plan, snap store.Snapshot, newID func() string) *Placed {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.find(v, p, snap, newID)
}

// find finds room for what a plan wants, by the end of others if there is none otherwise.
// The engine assumes the placements.
func (f *Fleet) find(v *plan.View, p *plan.Plan, snap store.Snapshot, newID func() string) *Placed {
	j := v.Job
	out := &Placed{Groups: make([][]scheduler.Placement, len(p.Groups)), Queued: make(map[string]int)}
	config := Configuration(snap)
	victims := f.victims(snap, config, j)
	for n, g := range p.Groups {
		out.names = append(out.names, g.Name)
		found := make([]scheduler.Placement, len(g.Wants))
		out.Groups[n] = found
		if g.Spec != nil {
			out.Queued[g.Name] = 0
		}
		if g.Nowhere != nil {
			out.fail(g.Name, g.Nowhere, 0)
		}
		forgetHomes(g, snap)
		for _, batch := range batches(j, g) {
			batch.policy, batch.victims = policyOf(snap, config, j), victims
			batch.place(f.engine, newID, found, out)
		}
		out.behind(g)
	}
	out.together(v, p, f.engine)
	out.noteEvictions(snap)
	var short []*api.TaskGroup
	for _, g := range p.Groups {
		if out.Queued[g.Name] > 0 {
			short = append(short, g.Spec)
		}
	}
	if len(short) > 0 {
		out.Classes = f.engine.ClassEligibility(j, short...)
	}
	return out
}
