package room

import (
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/job/plan"
	"github.com/droverhq/drover/scheduler"
	"github.com/droverhq/drover/store"
)

// Reservation is the placements of a pass that goes on.
type Reservation struct {
	Placed *Placed
	// Heard says that the job was woken because there may be room for it: the feed has to
	// say that it has looked (Fleet.Looked), even if the pass changes nothing.
	Heard bool

	job       *api.Job
	committed []bool // which of the placements are
}

// Commit notes that placements, by their numbers in the order of Placed.All, are committed.
// It may be called concurrently for others.
func (r *Reservation) Commit(placed []int) {
	for _, n := range placed {
		r.committed[n] = true
	}
}

// Committed returns the IDs of the allocations that are committed, once nobody calls Commit.
func (r *Reservation) Committed() []string {
	ids, n := make([]string, 0, len(r.committed)), 0
	for _, at := range r.Placed.All() {
		if r.committed[n] {
			ids = append(ids, at.AllocID)
		}
		n++
	}
	return ids
}

// stand returns an allocation that takes what a placement takes.
func (r *Reservation) stand(group int, at *scheduler.Placement) *api.Allocation {
	return &api.Allocation{
		ID:            at.AllocID,
		Namespace:     api.Deref(r.job.Namespace),
		JobID:         api.Deref(r.job.ID),
		TaskGroup:     r.Placed.names[group],
		NodeID:        at.NodeID,
		DesiredStatus: api.AllocDesiredRun,
		Ports:         at.Ports,
		Grants:        at.Grants,
		Claims:        at.Claims(),
		Usage:         at.Usage,
	}
}

// Place finds room for a plan. What it finds is reserved until Settle; what finds
// none stands in line from then on. latest returns the newest snapshot, and newID makes the
// IDs of allocations.
func (f *Fleet) Place(v *plan.View, p *plan.Plan, latest func() store.Snapshot, newID func() string) *Reservation {
	f.mu.Lock()
	defer f.mu.Unlock()
	start := time.Now()
	var issued []string
	r := &Reservation{job: v.Job}
	defer func() {
		if r.Placed == nil { // a panic: nobody knows of what was taken
			for _, id := range issued {
				f.engine.RemoveAllocation(id)
			}
		}
	}()
	snap := latest() // what is not in it is in flight
	r.Placed = f.find(v, p, snap, func() string {
		id := newID()
		issued = append(issued, id)
		return id
	})
	r.Placed.took(time.Since(start))
	r.committed = make([]bool, r.Placed.total())
	r.Heard = f.line.stand(v.Req, needs(v, p, r.Placed, snap), len(f.inFlight) > 0)
	f.inFlight[r] = struct{}{}
	return r
}

// Settle ends a reservation. What was committed stays taken, and the change feed has
// what becomes of it; the rest is given back, unless it is unknown whether it was
// committed: then the term is over, and the fleet is made anew for the next one.
func (f *Fleet) Settle(r *Reservation, unknown bool) {
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
	for _, at := range r.Placed.All() {
		if !r.committed[n] {
			f.engine.GiveBack(*at)
			f.late = append(f.late, at.NodeID)
			for _, v := range at.Volumes() {
				f.late = append(f.late, v.Key().String())
			}
		}
		n++
	}
}
