package job

import (
	"iter"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/scheduler"
	"github.com/droverhq/drover/store"
)

// reservation is the placements of a pass that goes on.
type reservation struct {
	placed    *placed
	heard     bool // the job was woken because there may be room for it
	job       *api.Job
	committed []bool // which of the placements are
}

// commit notes that placements, numbered in the order of the plan, are committed. It may be
// called concurrently for others.
func (r *reservation) commit(placed []int) {
	for _, n := range placed {
		r.committed[n] = true
	}
}

// lasting yields the IDs of the allocations that are committed.
func (r *reservation) lasting() iter.Seq[string] {
	return func(yield func(string) bool) {
		n := 0
		for _, at := range r.placed.all() {
			if r.committed[n] && !yield(at.AllocID) {
				return
			}
			n++
		}
	}
}

// stand returns an allocation that takes what a placement takes.
func (r *reservation) stand(group int, at *scheduler.Placement) *api.Allocation {
	return &api.Allocation{
		ID:            at.AllocID,
		Namespace:     api.Deref(r.job.Namespace),
		JobID:         api.Deref(r.job.ID),
		TaskGroup:     r.placed.names[group],
		NodeID:        at.NodeID,
		DesiredStatus: api.AllocDesiredRun,
		Ports:         at.Ports,
		Grants:        at.Grants,
		Usage:         at.Usage,
	}
}

// place finds room for a plan. What it finds is reserved until settle; what finds
// none stands in line from then on. latest returns the newest snapshot.
func (f *fleet) place(v *view, p *plan, latest func() store.Snapshot, newID func() string) *reservation {
	f.mu.Lock()
	defer f.mu.Unlock()
	start := time.Now()
	var issued []string
	r := &reservation{job: v.job}
	defer func() {
		if r.placed == nil { // a panic: nobody knows of what was taken
			for _, id := range issued {
				f.engine.RemoveAllocation(id)
			}
		}
	}()
	snap := latest() // what is not in it is in flight
	r.placed = f.find(v, p, snap, func() string {
		id := newID()
		issued = append(issued, id)
		return id
	})
	r.placed.took(time.Since(start))
	r.committed = make([]bool, r.placed.total())
	r.heard = f.line.stand(v.req, needs(v, p, r.placed, snap), len(f.inFlight) > 0)
	f.inFlight[r] = struct{}{}
	return r
}

// settle ends a reservation. What was committed stays taken, and the change feed has
// what becomes of it; the rest is given back, unless it is not known whether it was
// committed: then the term is over, and the fleet is made anew for the next one.
func (f *fleet) settle(r *reservation, unknown bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.inFlight[r]; !known {
		return // it is of an earlier term
	}
	delete(f.inFlight, r)
	if unknown {
		return
	}
	n := 0
	for _, at := range r.placed.all() {
		if !r.committed[n] {
			f.engine.GiveBack(*at)
			f.late = append(f.late, at.NodeID)
		}
		n++
	}
}
