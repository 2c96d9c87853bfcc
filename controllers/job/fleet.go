package job

import (
	"slices"
	"sync"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/scheduler"
	"github.com/droverhq/drover/store"
)

// fleet is what this controller knows of nodes and of the room on them. It is made
// from a snapshot and follows the change feed; placements are assumed in it before
// they are committed, so that transactions of several jobs can be in flight.
//
// An allocation takes room until its node agent says that it ended, or it is lost. One that
// is to stop, but has not, takes its room.
type fleet struct {
	mu       sync.Mutex // guards everything below
	engine   *scheduler.Fleet
	nodes    map[string]scheduler.NodeState
	line     *line
	system   map[reconcile.Request]struct{} // jobs that want an instance on every node
	inFlight map[*reservation]struct{}
	rosters  rosters
	late     []string // nodes that got room back from passes that failed
	// lowest is the lowest priority of a job that there was.
	lowest int
}

// reservation is the placements of a pass that goes on.
type reservation struct {
	req       reconcile.Request
	view      *view
	plan      *plan
	job       *api.Job
	placed    *placed
	heard     bool   // the job was woken because there may be room for it
	committed []bool // which of the placements are
}

// commit notes that placements, numbered in the order of the plan, are committed. It may be
// called concurrently for others.
func (r *reservation) commit(placed []int) {
	for _, n := range placed {
		r.committed[n] = true
	}
}

// newFleet returns a fleet of which nothing is known. Of jobs of fewer than wholeBelow
// instances no roster is kept.
func newFleet(wholeBelow int) *fleet {
	return &fleet{
		engine:   scheduler.NewFleet(),
		nodes:    make(map[string]scheduler.NodeState),
		line:     newLine(),
		system:   make(map[reconcile.Request]struct{}),
		inFlight: make(map[*reservation]struct{}),
		rosters:  newRosters(wholeBelow),
		lowest:   api.MaxJobPriority,
	}
}

// fleetOf returns the fleet as a snapshot has it.
func fleetOf(snap store.Snapshot) *fleet {
	f := newFleet(0)
	f.load(snap)
	return f
}

// load makes the fleet anew. What is in flight stays reserved.
func (f *fleet) load(snap store.Snapshot) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.engine, f.line, f.late = scheduler.NewFleet(), newLine(), nil
	clear(f.nodes)
	clear(f.system)
	for n := range store.List[*api.Node](snap, store.Query{}) {
		f.setNode(snap, n.ID)
	}
	f.loadAllocations(snap)
	f.lowest = api.MaxJobPriority
	clear(f.rosters.of)
	for j := range store.List[*api.Job](snap, store.Query{}) {
		f.setJob(reconcile.RequestFor(j.Key()), j)
	}
	for r := range f.inFlight {
		r.placed.eachIn(func(g int, at *scheduler.Placement) {
			if _, committed := snap.Get(allocationKey(at.AllocID)); !committed {
				f.engine.SetAllocation(r.stand(g, at))
				f.engine.Evict(at.Preempted...)
			}
		})
	}
}

// forsake gives up the reservations of an earlier term.
func (f *fleet) forsake() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.inFlight)
}

// loadAllocations takes the room of all allocations that have not ended. Allocations
// and statuses are both listed in the order of their IDs.
func (f *fleet) loadAllocations(snap store.Snapshot) {
	var ended []string
	for s := range store.List[*api.AllocationStatus](snap, store.Query{}) {
		if s.Terminal() {
			ended = append(ended, s.ID)
		}
	}
	for a := range store.List[*api.Allocation](snap, store.Query{}) {
		for len(ended) > 0 && ended[0] < a.ID {
			ended = ended[1:]
		}
		if a.Lost != api.AllocClientLost && (len(ended) == 0 || ended[0] != a.ID) {
			f.engine.SetAllocation(a)
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

func allocationKey(id string) api.Key { return api.Key{Kind: api.KindAllocation, ID: id} }

// Feasible implements ground.
func (f *fleet) Feasible(j *api.Job, g *api.TaskGroup) ([]string, *api.AllocationMetric) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.engine.FeasibleNodes(j, g)
}

// Suits implements ground.
func (f *fleet) Suits(j *api.Job, g *api.TaskGroup, node string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.nodes[node]; !known {
		return true
	}
	ok, _ := f.engine.Suits(j, g, node)
	return ok
}

// place finds room for a plan. What it finds is reserved until settle; what finds
// none stands in line from then on. latest returns the newest snapshot.
func (f *fleet) place(v *view, p *plan, latest func() store.Snapshot, newID func() string) *reservation {
	f.mu.Lock()
	defer f.mu.Unlock()
	start := time.Now()
	var issued []string
	r := &reservation{req: v.req, job: v.job, view: v, plan: p}
	defer func() {
		if r.placed == nil { // a panic: nobody knows of what was taken
			for _, id := range issued {
				f.engine.RemoveAllocation(id)
			}
		}
	}()
	snap := latest() // what is not in it is in flight
	r.placed = p.place(v, f.engine, others{snap, f.victims(snap, v.job)}, func() string {
		id := newID()
		issued = append(issued, id)
		return id
	})
	r.placed.took(time.Since(start))
	r.placed.eachIn(func(int, *scheduler.Placement) { r.committed = append(r.committed, false) })
	r.heard = f.line.stand(v.req, p.needs(v, r.placed), len(f.inFlight) > 0)
	f.inFlight[r] = struct{}{}
	return r
}

// settle ends a reservation. What was committed stays taken, and the change feed has
// what becomes of it; the rest is given back, unless it is not known whether it was
// committed: then the term is over, and the fleet is made anew for the next one. wrote
// says that all of the pass is committed.
func (f *fleet) settle(r *reservation, wrote, unknown bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.inFlight[r]; !known {
		return // it is of an earlier term
	}
	delete(f.inFlight, r)
	if unknown {
		return
	}
	f.learn(r, wrote)
	n := 0
	r.placed.eachIn(func(_ int, at *scheduler.Placement) {
		if !r.committed[n] {
			f.engine.GiveBack(*at)
			f.late = append(f.late, at.NodeID)
		}
		n++
	})
}

// nodeChanged follows a change of a node, and returns the jobs that may place
// something because of it. Where its facts changed, those that have something on it
// are among them: it may be right for their current version now, or no longer.
func (f *fleet) nodeChanged(snap store.Snapshot, c store.Change) []reconcile.Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := c.Key.ID
	if !f.setNode(snap, id) {
		return f.offerLate(snap, nil)
	}
	woken := make([]reconcile.Request, 0, len(f.system))
	for req := range f.system {
		woken = append(woken, req)
	}
	slices.SortFunc(woken, reconcile.Request.Compare) // in one order, so that the same happens again
	if c.Key.Kind == api.KindNode && c.Old != nil {
		for a := range store.List[*api.Allocation](snap, store.Query{Index: store.ByNode, Value: id}) {
			if a.WantsRun() {
				woken = append(woken, reconcile.Request{Namespace: a.Namespace, ID: a.JobID})
			}
		}
	}
	return f.offerLate(snap, f.offer(snap, id, woken))
}

// setNode takes over what a snapshot says of a node and reports whether that is new.
func (f *fleet) setNode(snap store.Snapshot, id string) bool {
	before, known := f.nodes[id]
	node, ok := store.Get[*api.Node](snap, api.Key{Kind: api.KindNode, ID: id})
	if !ok {
		delete(f.nodes, id)
		delete(f.line.gains, id)
		f.engine.RemoveNode(id)
		return known
	}
	status, _ := store.Get[*api.NodeStatus](snap, api.Key{Kind: api.KindNodeStatus, ID: id})
	intent, _ := store.Get[*api.NodeIntent](snap, api.Key{Kind: api.KindNodeIntent, ID: id})
	now := scheduler.NodeState{
		Node:     node,
		Ready:    status != nil && status.Status == api.NodeReady,
		Eligible: intent == nil || intent.Eligibility != api.NodeIneligible && intent.DrainStrategy == nil,
	}
	if now == before {
		return false
	}
	f.nodes[id] = now
	f.engine.SetNode(now)
	return true
}

// allocationChanged follows a change of an allocation or of its status, and returns
// the jobs for which there is room because of it. One that is told to stop makes no
// room yet, but where others of its job may go; one that is fresh may be preempted from
// now on, by who could not see it before.
func (f *fleet) allocationChanged(snap store.Snapshot, changed *api.Allocation, told, fresh bool) []reconcile.Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	a, _ := store.Get[*api.Allocation](snap, changed.Key())
	f.rosters.follow(snap, changed, a)
	return f.roomChanged(snap, changed.ID, changed.NodeID, a, told || fresh && f.line.blind > 0)
}

// statusChanged follows what a node agent says of an allocation that has not ended by it.
func (f *fleet) statusChanged(snap store.Snapshot, s *api.AllocationStatus) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rosters.followStatus(snap, s)
}

// statusEnded follows the end of an allocation.
func (f *fleet) statusEnded(snap store.Snapshot, s *api.AllocationStatus) []reconcile.Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rosters.followStatus(snap, s)
	a, _ := store.Get[*api.Allocation](snap, allocationKey(s.ID))
	return f.roomChanged(snap, s.ID, s.NodeID, a, false)
}

// roomChanged follows a change of what an allocation takes. a is as it is, nil if it is gone.
func (f *fleet) roomChanged(snap store.Snapshot, id, node string, a *api.Allocation, offered bool) []reconcile.Request {
	if a != nil && a.Lost != api.AllocClientLost {
		status, _ := store.Get[*api.AllocationStatus](snap, api.Key{Kind: api.KindAllocationStatus, ID: id})
		if !status.Terminal() {
			f.engine.SetAllocation(a)
			if offered {
				return f.offerLate(snap, f.offer(snap, node, nil))
			}
			return f.offerLate(snap, nil)
		}
	}
	f.engine.RemoveAllocation(id)
	return f.offerLate(snap, f.offer(snap, node, nil))
}

// jobChanged follows a change of a job.
func (f *fleet) jobChanged(req reconcile.Request, j *api.Job) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if j == nil {
		delete(f.rosters.of, req)
	}
	f.setJob(req, j)
}

func (f *fleet) setJob(req reconcile.Request, j *api.Job) {
	if j != nil {
		f.lowest = min(f.lowest, api.Deref(j.Priority))
	}
	if j == nil || !j.IsSystem() || j.Stopped() {
		delete(f.system, req)
		return
	}
	f.system[req] = struct{}{}
}

// looked follows the end of a pass over a job: the room that it was woken for, if it
// left any, is offered to the next in line.
func (f *fleet) looked(snap store.Snapshot, req reconcile.Request) []reconcile.Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	var woken []reconcile.Request
	for _, node := range f.line.release(req) {
		woken = f.line.offer(node, f.roomIn(snap), woken)
	}
	return f.offerLate(snap, woken)
}

// offer offers room that a node gained to the jobs in line.
func (f *fleet) offer(snap store.Snapshot, node string, woken []reconcile.Request) []reconcile.Request {
	f.line.gained(node)
	return f.line.offer(node, f.roomIn(snap), woken)
}

func (f *fleet) offerLate(snap store.Snapshot, woken []reconcile.Request) []reconcile.Request {
	for _, node := range f.late {
		woken = f.offer(snap, node, woken)
	}
	f.late = f.late[:0]
	return woken
}

// roomIn returns a function that says how many instances of a group fit on a node now.
// Who may be preempted for them is found in the snapshot.
func (f *fleet) roomIn(snap store.Snapshot) func(n *need, node string) int {
	return func(n *need, node string) int {
		if n.nodes != nil && !n.nodes[node] {
			return 0
		}
		ask := scheduler.Ask{Job: n.job, Group: n.group, Freed: n.freed[node], Victims: f.victims(snap, n.job)}
		return f.engine.Room(ask, node)
	}
}
