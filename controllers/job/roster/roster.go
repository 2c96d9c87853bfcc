package roster

import (
	"maps"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/job/plan"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
)

// Roster knows which allocations of a job matter. A pass over the job reads by it and tells
// it in the end what it did (Learn). A pass that breaks off may leave that out.
type Roster struct {
	keeper *Keeper
	req    reconcile.Request
	gone   []string // were open, and the pass that goes on found that they are there no more

	// The mutex of the keeper guards what is below.

	create, version uint64 // CreateIndex and Version of the job
	batch           bool
	ready           bool // a pass has read everything
	// dated says that somebody is gone, since the pass that goes on began, whose place others
	// were in before: what it has read, which may be a part only, is nothing to begin with.
	dated bool
	// open are the allocations that passes look at, by ID. Those of true have changed
	// since the pass that goes on began to read: it may not have seen them as they are.
	open  map[string]bool
	seats map[string]*seats // by group
}

// Read reads the allocations of a job into a view that has all else (plan.ReadSpec): those
// that are open, if that will do. It reports whether it did.
func (r *Roster) Read(snap store.Snapshot, v *plan.View) (part bool) {
	r.gone = nil
	if ids, others, ok := r.opened(v); ok {
		if r.gone, ok = v.ReadOpen(snap, ids, others); ok {
			return true
		}
		r.doubt()
	}
	v.ReadAll(snap)
	return false
}

// opened returns the allocations of a job that a pass over it has to look at, and what
// else it has to know of the others; ok is false if it has to look at all.
func (r *Roster) opened(v *plan.View) (ids []string, others map[string]*plan.Settled, ok bool) {
	r.keeper.mu.Lock()
	defer r.keeper.mu.Unlock()
	if !r.ready || !v.MayReadPart() || r.version != v.Current() || r.create != api.Deref(v.Job.CreateIndex) || v.Rolling() && r.seated() {
		r.forget()
		return nil, nil, false
	}
	ids = make([]string, 0, len(r.open))
	for id := range r.open {
		ids = append(ids, id)
	}
	others = make(map[string]*plan.Settled, len(r.seats))
	for name, s := range r.seats {
		others[name] = s.counted()
	}
	return ids, others, true
}

// doubt has a pass read everything, though there is a roster.
func (r *Roster) doubt() {
	r.keeper.mu.Lock()
	defer r.keeper.mu.Unlock()
	r.gone = nil
	r.forget()
}

// forget has the next pass read everything.
func (r *Roster) forget() { r.ready, r.seats = false, nil }

// seated reports whether anybody is settled.
func (r *Roster) seated() bool {
	for _, s := range r.seats {
		if s.Count() > 0 {
			return true
		}
	}
	return false
}

// Learn ends a pass: of what it has read, and nobody has changed meanwhile, it is known
// what need not be looked at again. v is what Read has filled, and p was made of it; placed
// are the IDs of the allocations that the pass placed, as far as they are committed, and
// wrote says that all it did is committed.
func (r *Roster) Learn(v *plan.View, p *plan.Plan, placed []string, wrote bool) {
	k := r.keeper
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.of[r.req] != r {
		return // it is of an earlier term, or the job is not known any more
	}
	r.note(p, placed)
	switch {
	case r.ready && wrote:
		r.close(v, p)
	case r.ready:
	case wrote && !r.dated && v.MayReadPart() && size(v.Job) >= k.wholeBelow:
		r.begin(v)
		r.close(v, p)
	default:
		delete(k.of, r.req)
	}
}

// size is how many instances a job may have, 0 if no roster is kept for its like.
func size(j *api.Job) int {
	if j == nil || j.Stopped() || j.IsSystem() || j.IsTemplate() {
		return 0
	}
	n := 0
	for _, g := range j.TaskGroups {
		if g.Indexed != nil {
			n += api.Deref(g.Indexed.Completions)
		} else {
			n += api.Deref(g.Count)
		}
	}
	return n
}

// note opens what a pass has written, or may have.
func (r *Roster) note(p *plan.Plan, placed []string) {
	for _, g := range p.Groups {
		for _, list := range [][]*plan.Instance{g.Stop, g.InPlace, g.Kept} {
			for _, i := range list {
				r.open[i.ID] = true
			}
		}
		for n := range g.Wants {
			if prev := g.Wants[n].Prev; prev != nil {
				r.open[prev.ID] = true
			}
		}
	}
	for _, id := range placed {
		r.open[id] = true
	}
}

// begin makes a roster of what a pass read, which was everything.
func (r *Roster) begin(v *plan.View) {
	r.ready, r.batch, r.create, r.version = true, v.Job.IsBatch(), api.Deref(v.Job.CreateIndex), v.Current()
	r.seats = make(map[string]*seats)
	for _, g := range v.Job.TaskGroups {
		if g.Indexed == nil {
			r.seats[api.Deref(g.Name)] = newSeats(max(0, api.Deref(g.Count)))
		}
	}
	maps.DeleteFunc(r.open, func(_ string, changed bool) bool { return !changed })
	for n := range v.Instances {
		if id := v.Instances[n].ID; !r.open[id] {
			r.open[id] = false
		}
	}
}

// close takes out of what is open whatever need not be looked at again.
func (r *Roster) close(v *plan.View, p *plan.Plan) {
	for _, id := range r.gone {
		if !r.open[id] {
			delete(r.open, id)
		}
	}
	rolling := v.Rolling()
	for n := range v.Instances {
		i := &v.Instances[n]
		if s := r.seats[i.TaskGroup]; s != nil && v.OfCurrent(i) {
			s.Begun = true
		}
		if !rolling && !r.open[i.ID] && r.settle(i) {
			delete(r.open, i.ID)
		}
	}
	latest := latestOf(v.Instances)
	for n := range v.Instances {
		if i := &v.Instances[n]; !r.open[i.ID] && (r.buried(v, i, latest) || p.Spent(v, i)) {
			delete(r.open, i.ID)
		}
	}
}

// settle seats an instance, if it is settled and nobody has its seat.
func (r *Roster) settle(i *plan.Instance) bool {
	s := r.seats[i.TaskGroup]
	if !s.has(i.Slot) || s.holders[i.Slot].id != 0 || !r.isSettled(i) {
		return false
	}
	s.holders[i.Slot] = holder{r.keeper.hash(i.ID), i.CreateIndex}
	s.add(i)
	return true
}

// isSettled reports whether nothing is to be done about an instance.
func (r *Roster) isSettled(i *plan.Instance) bool {
	switch {
	case i.JobVersion != r.version || i.CreateIndex < r.create || !i.WantsRun() || i.Lost != "" || i.NextAllocation != "":
		return false
	case i.IsCanary() || i.DesiredTransition != (api.DesiredTransition{}):
		return false
	case i.DeploymentID != "" && plan.HealthOf(i.Allocation) != plan.Healthy:
		return false
	}
	return i.Runs() || r.batch && i.Done()
}

// place is a slot of a group, or the canary's beside it.
type place struct {
	group  string
	slot   int
	canary bool
}

func placeOf(i *plan.Instance) place { return place{i.TaskGroup, i.Slot, i.IsCanary()} }

// latestOf returns the latest of some instances in each place.
func latestOf(instances []plan.Instance) map[place]*plan.Instance {
	latest := make(map[place]*plan.Instance)
	for n := range instances {
		if i := &instances[n]; plan.Newer(i, latest[placeOf(i)]) {
			latest[placeOf(i)] = i
		}
	}
	return latest
}

// buried reports whether an instance will never run again, and another one came later
// where it was: whoever comes next follows that one.
func (r *Roster) buried(v *plan.View, i *plan.Instance, latest map[place]*plan.Instance) bool {
	s := r.seats[i.TaskGroup]
	if i.IsCanary() && i.WantsRun() && i.Lost == "" {
		return false // is stopped when its rollout has ended
	}
	if s == nil || !v.OutOfPlay(i) {
		return false
	}
	last := latest[placeOf(i)]
	return last != nil && plan.Newer(last, i) || !i.IsCanary() && s.Slots.Has(i.Slot) && s.holders[i.Slot].created > i.CreateIndex
}

// follow follows a change of an allocation, or of its status. a is as it was or as it is,
// now is as it is: nil if it is gone.
func (r *Roster) follow(snap store.Snapshot, a, now *api.Allocation) {
	s, slot := r.seats[a.TaskGroup], a.Index()
	if s.has(slot) && s.holders[slot].id == r.keeper.hash(a.ID) {
		s.remove(slot)
		if now != nil {
			if i := plan.ReadInstance(snap, now); r.isSettled(&i) {
				s.add(&i)
				return
			}
		}
		s.holders[slot] = holder{}
	}
	_, looked := r.open[a.ID]
	switch {
	case now != nil:
		r.open[a.ID] = true
	case !r.ready || s != nil && !s.Slots.Has(slot):
		r.forget() // who was there before it may matter again
		r.dated = true
	case looked:
		r.open[a.ID] = true // the pass that goes on may have seen it
	}
}
