package job

import (
	"hash/maphash"
	"maps"
	"slices"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/scheduler"
	"github.com/droverhq/drover/store"
)

// defaultWholeBelow is how many instances a job has at least of which a roster is kept:
// reading fewer as a whole costs less than remembering.
const defaultWholeBelow = 100

// rosters are those of the jobs that are large enough.
type rosters struct {
	wholeBelow int
	seed       maphash.Seed
	of         map[reconcile.Request]*roster
}

// roster knows which allocations of a job matter, so that a pass costs what has changed
// and not what the job has. Those that need not be looked at are
//
//   - settled: of the current version, healthy and running, or done, in a slot of a group
//     with a count that nobody else claims. They are counted;
//   - spent: they ended, and the job's progress has it (indexed.go), or another one came
//     later in their slot.
//
// All others are open. What is open may be more than what matters, never less, as far as
// the change feed has been followed. A pass that finds something that has to be known of
// all instances reads them all, and the roster is made anew from what it read.
type roster struct {
	create, version uint64 // CreateIndex and Version of the job
	batch           bool
	ready           bool // a pass has read everything
	// open are the allocations that passes look at, by ID. Those of true have changed
	// since the pass that goes on began to read: it may not have seen them as they are.
	open  map[string]bool
	seats map[string]*seats // by group
}

// seats are the settled instances of a group.
type seats struct {
	holders []holder // by slot
	settled
}

// holder is who is settled in a slot.
type holder struct {
	id      uint64 // a hash of its ID; 0: nobody is
	created uint64 // CreateIndex
}

// settled is what a pass is told of the settled instances of a group.
type settled struct {
	slots slotSet // that they hold
	done  slotSet // of these, the slots of those that have done what a batch instance is for
	// running and ended are how many run, and how many are done.
	running, ended int
	begun          bool // some instance is, or was, of the current version
}

// count is how many they are. s may be nil.
func (s *settled) count() int {
	if s == nil {
		return 0
	}
	return s.running + s.ended
}

// runs is how many of them run. s may be nil.
func (s *settled) runs() int {
	if s == nil {
		return 0
	}
	return s.running
}

// holds reports whether a slot has one of them. s may be nil.
func (s *settled) holds(slot int) bool { return s != nil && s.slots.has(slot) }

func newRosters(wholeBelow int) rosters {
	return rosters{wholeBelow: wholeBelow, seed: maphash.MakeSeed(), of: make(map[reconcile.Request]*roster)}
}

// hash tells instances apart that ever hold the same slot. It is never 0.
func (r *rosters) hash(id string) uint64 { return maphash.String(r.seed, id) | 1 }

// look begins a pass: from now on changes are noted that its snapshot may not have. It
// returns what is known of the job, to be asked again once the snapshot is read.
func (f *fleet) look(req reconcile.Request) *roster {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.rosters.of[req]
	if r == nil {
		r = &roster{}
		f.rosters.of[req] = r
	}
	if !r.ready {
		r.open = make(map[string]bool)
	}
	for id := range r.open {
		r.open[id] = false
	}
	return r
}

// opened returns the allocations of a job that a pass over it has to look at, and what
// else it has to know of the others; ok is false if it has to look at all.
func (f *fleet) opened(v *view) (ids []string, others map[string]*settled, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := v.roster
	if !r.ready || !v.mayReadPart() || r.version != v.current() || r.create != api.Deref(v.job.CreateIndex) || v.rolling() && r.seated() {
		r.forget()
		return nil, nil, false
	}
	ids = make([]string, 0, len(r.open))
	for id := range r.open {
		ids = append(ids, id)
	}
	others = make(map[string]*settled, len(r.seats))
	for name, s := range r.seats {
		others[name] = &settled{slots: slices.Clone(s.slots), running: s.running, ended: s.ended, begun: s.begun}
	}
	return ids, others, true
}

// doubt has a pass read everything, though there is a roster.
func (f *fleet) doubt(v *view) {
	f.mu.Lock()
	defer f.mu.Unlock()
	v.roster.forget()
}

// mayReadPart reports whether a pass can do without the instances that are not open:
// nothing is done to them as long as they stay as they are.
func (v *view) mayReadPart() bool {
	return !v.stopped() && !v.late() && !v.waits() && !v.job.IsSystem() && !v.job.IsTemplate()
}

// rolling reports whether a rollout goes on: it asks how each instance that lives is, so
// that nobody is settled meanwhile.
func (v *view) rolling() bool {
	return slices.ContainsFunc(v.deployments, (*api.Deployment).Active)
}

// seated reports whether anybody is settled.
func (r *roster) seated() bool {
	for _, s := range r.seats {
		if s.count() > 0 {
			return true
		}
	}
	return false
}

// contested reports whether somebody claims the slot of a settled instance: who stays has
// to be found out from both.
func (v *view) contested() bool {
	for n := range v.instances {
		i := &v.instances[n]
		if g := v.job.Group(i.TaskGroup); g != nil && v.settled[i.TaskGroup].holds(i.slot) && v.holds(g, i) {
			return true
		}
	}
	return false
}

// size is how many instances a job may have, 0 if no roster is kept for its like.
func size(j *api.Job) int {
	if j == nil || j.Stopped() || j.IsSystem() || j.IsTemplate() {
		return 0
	}
	n := 0
	for _, g := range j.TaskGroups {
		if isIndexed(g) {
			n += api.Deref(g.Indexed.Completions)
		} else {
			n += api.Deref(g.Count)
		}
	}
	return n
}

// learn ends a pass: of what it has read, and nobody has changed meanwhile, it is known
// what need not be looked at again. wrote says that all it did is committed.
func (f *fleet) learn(r *reservation, wrote bool) {
	known := f.rosters.of[r.req]
	if known == nil || known != r.view.roster {
		return // it is of an earlier term, or the job is not known any more
	}
	known.note(r)
	switch {
	case known.ready && wrote:
		known.close(&f.rosters, r)
	case known.ready:
	case wrote && r.view.mayReadPart() && size(r.job) >= f.rosters.wholeBelow:
		known.begin(r.view)
		known.close(&f.rosters, r)
	default:
		delete(f.rosters.of, r.req)
	}
}

// note opens what a pass has written, or may have.
func (r *roster) note(pass *reservation) {
	for _, g := range pass.plan.groups {
		for _, list := range [][]*instance{g.stop, g.inPlace, g.kept} {
			for _, i := range list {
				r.open[i.ID] = true
			}
		}
		for n := range g.wants {
			if prev := g.wants[n].prev; prev != nil {
				r.open[prev.ID] = true
			}
		}
	}
	n := 0
	pass.placed.eachIn(func(_ int, at *scheduler.Placement) {
		if pass.committed[n] {
			r.open[at.AllocID] = true
		}
		n++
	})
}

// begin makes a roster of what a pass read, which was everything.
func (r *roster) begin(v *view) {
	r.ready, r.batch, r.create, r.version = true, v.job.IsBatch(), api.Deref(v.job.CreateIndex), v.current()
	r.seats = make(map[string]*seats)
	for _, g := range v.job.TaskGroups {
		if count := max(0, api.Deref(g.Count)); !isIndexed(g) {
			r.seats[api.Deref(g.Name)] = &seats{holders: make([]holder, count), settled: settled{slots: newSlotSet(count), done: newSlotSet(count)}}
		}
	}
	maps.DeleteFunc(r.open, func(_ string, changed bool) bool { return !changed })
	for n := range v.instances {
		if id := v.instances[n].ID; !r.open[id] {
			r.open[id] = false
		}
	}
}

// close takes out of what is open whatever need not be looked at again.
func (r *roster) close(all *rosters, pass *reservation) {
	v := pass.view
	for _, id := range v.gone {
		if !r.open[id] {
			delete(r.open, id)
		}
	}
	rolling := v.rolling()
	for n := range v.instances {
		i := &v.instances[n]
		if s := r.seats[i.TaskGroup]; s != nil && i.JobVersion == r.version && !v.foreign(i) {
			s.begun = true
		}
		if !rolling && !r.open[i.ID] && r.settle(all, v, i) {
			delete(r.open, i.ID)
		}
	}
	latest := v.latest()
	for n := range v.instances {
		if i := &v.instances[n]; !r.open[i.ID] && (r.buried(v, i, latest) || pass.plan.spent(v, i)) {
			delete(r.open, i.ID)
		}
	}
}

// place is a slot of a group, or the canary's beside it.
type place struct {
	group  string
	slot   int
	canary bool
}

func (i *instance) place() place { return place{i.TaskGroup, i.slot, i.canary()} }

// latest returns the latest of the instances that were read in each place.
func (v *view) latest() map[place]*instance {
	latest := make(map[place]*instance)
	for n := range v.instances {
		if i := &v.instances[n]; newer(i, latest[i.place()]) {
			latest[i.place()] = i
		}
	}
	return latest
}

// settle seats an instance, if it is settled and nobody has its seat.
func (r *roster) settle(all *rosters, v *view, i *instance) bool {
	s := r.seats[i.TaskGroup]
	if s == nil || i.slot < 0 || i.slot >= len(s.holders) || s.holders[i.slot].id != 0 || !r.isSettled(i) {
		return false
	}
	s.holders[i.slot] = holder{all.hash(i.ID), i.CreateIndex}
	s.add(i)
	return true
}

func (s *settled) add(i *instance) {
	s.slots.add(i.slot)
	if i.completed() {
		s.done.add(i.slot)
		s.ended++
	} else {
		s.running++
	}
}

func (s *settled) remove(slot int) {
	s.slots.remove(slot)
	if s.done.has(slot) {
		s.done.remove(slot)
		s.ended--
	} else {
		s.running--
	}
}

// isSettled reports whether nothing is to be done about an instance.
func (r *roster) isSettled(i *instance) bool {
	switch {
	case i.JobVersion != r.version || i.CreateIndex < r.create || !i.WantsRun() || i.Lost != "" || i.NextAllocation != "":
		return false
	case i.canary() || i.DesiredTransition != (api.DesiredTransition{}):
		return false
	case i.DeploymentID != "" && healthOf(i.Allocation) != healthy:
		return false
	}
	return i.runs() || r.batch && i.done()
}

// buried reports whether an instance will never run again, and another one came later
// where it was: whoever comes next follows that one.
func (r *roster) buried(v *view, i *instance, latest map[place]*instance) bool {
	s := r.seats[i.TaskGroup]
	if i.canary() && i.WantsRun() && i.Lost == "" {
		return false // is stopped when its rollout has ended
	}
	if s == nil || i.live() || v.mayReturn(i) || v.holds(v.job.Group(i.TaskGroup), i) {
		return false
	}
	last := latest[i.place()]
	return last != nil && newer(last, i) || !i.canary() && s.slots.has(i.slot) && s.holders[i.slot].created > i.CreateIndex
}

// followStatus follows what a node agent says of an allocation.
func (all *rosters) followStatus(snap store.Snapshot, s *api.AllocationStatus) {
	r := all.of[reconcile.Request{Namespace: s.Namespace, ID: s.JobID}]
	if r == nil {
		return
	}
	if _, open := r.open[s.ID]; open { // so it is settled nowhere
		r.open[s.ID] = true
		return
	}
	if a, ok := store.Get[*api.Allocation](snap, allocationKey(s.ID)); ok {
		all.follow(snap, a, a)
	}
}

// follow follows a change of an allocation, or of its status. a is as it was or as it is,
// now is as it is: nil if it is gone.
func (all *rosters) follow(snap store.Snapshot, a, now *api.Allocation) {
	r := all.of[reconcile.Request{Namespace: a.Namespace, ID: a.JobID}]
	if r == nil {
		return
	}
	s, slot := r.seats[a.TaskGroup], a.Index()
	counted := s != nil && slot >= 0 && slot < len(s.holders)
	if counted && s.holders[slot].id == all.hash(a.ID) {
		s.remove(slot)
		if now != nil {
			i := newInstance(snap, now)
			i.status, _ = store.Get[*api.AllocationStatus](snap, api.Key{Kind: api.KindAllocationStatus, ID: a.ID})
			if r.isSettled(&i) {
				s.add(&i)
				return
			}
		}
		s.holders[slot] = holder{}
	}
	switch {
	case now != nil:
		r.open[a.ID] = true
	case s != nil && !s.slots.has(slot):
		r.forget() // who was there before it may matter again
	default:
		delete(r.open, a.ID)
	}
}

// forget has the next pass read everything.
func (r *roster) forget() { r.ready, r.seats = false, nil }
