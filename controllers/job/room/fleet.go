package room

import (
	"maps"
	"slices"
	"sync"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/scheduler"
	"github.com/droverhq/drover/store"
)

// Fleet is what the controller knows of nodes and of the room on them. It is made from a
// snapshot (Load) and follows the change feed, of which it has to be told in its order, under
// its Guard. Its other methods may be called concurrently; one plan is placed at a time. It
// implements plan.Ground.
//
// An allocation takes room until its node agent says that it ended, or it is lost. One that
// is to stop, but has not, takes its room.
type Fleet struct {
	mu       sync.Mutex // guards everything below
	engine   *scheduler.Fleet
	nodes    map[string]scheduler.NodeState
	line     *line
	system   map[reconcile.Request]struct{} // jobs that want an instance on every node
	inFlight map[*Reservation]struct{}
	late     []string // nodes and volumes that got room back
	lowest   int      // the lowest priority of a job that there was
}

// NewFleet returns a fleet of no nodes.
func NewFleet() *Fleet {
	return &Fleet{
		engine:   scheduler.NewFleet(),
		nodes:    make(map[string]scheduler.NodeState),
		line:     newLine(),
		system:   make(map[reconcile.Request]struct{}),
		inFlight: make(map[*Reservation]struct{}),
		lowest:   api.MaxJobPriority,
	}
}

// FleetOf returns the fleet as a snapshot has it, to follow no feed.
func FleetOf(snap store.Snapshot) *Fleet {
	f := NewFleet()
	f.Load(snap)
	return f
}

// Guard is what the caller of the methods that follow the feed holds: NodeChanged,
// AllocationChanged, AllocationEnded, VolumeChanged, JobChanged, Looked and Waiting. The manager holds it for
// many changes, as placing what a large job wants may take longer than following a thousand.
func (f *Fleet) Guard() sync.Locker { return &f.mu }

// Copy returns a fleet with the same nodes and the same room on them, which follows no feed.
// Nobody stands in line there.
func (f *Fleet) Copy() *Fleet {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := NewFleet()
	c.engine, c.nodes, c.lowest = f.engine.Clone(), maps.Clone(f.nodes), f.lowest
	return c
}

// Load makes the fleet anew, as a snapshot has it, when a term begins or a part of the feed
// was missed. What is in flight stays reserved; nobody stands in line, so that all jobs have
// to be looked at.
func (f *Fleet) Load(snap store.Snapshot) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.engine, f.line, f.late = scheduler.NewFleet(), newLine(), nil
	clear(f.nodes)
	clear(f.system)
	for n := range store.List[*api.Node](snap, store.Query{}) {
		f.setNode(snap, n.ID)
	}
	f.loadVolumes(snap)
	f.loadAllocations(snap)
	f.lowest = api.MaxJobPriority
	for j := range store.List[*api.Job](snap, store.Query{}) {
		f.setJob(reconcile.RequestFor(j.Key()), j)
	}
	for r := range f.inFlight {
		for g, at := range r.Placed.All() {
			if _, committed := snap.Get(api.AllocationKey(at.AllocID)); !committed {
				f.engine.SetAllocation(r.stand(g, at))
				f.engine.Evict(at.Preempted...)
			}
		}
	}
}

// Forsake forgets the reservations of an earlier term: Settle does nothing for them. What of
// them was committed is in the snapshot that is loaded then.
func (f *Fleet) Forsake() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.inFlight)
}

// loadAllocations takes the room of all allocations that have not ended. Allocations
// and statuses are both listed in the order of their IDs.
func (f *Fleet) loadAllocations(snap store.Snapshot) {
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

// Feasible implements plan.Ground.
func (f *Fleet) Feasible(j *api.Job, g *api.TaskGroup) ([]string, *api.AllocationMetric) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.engine.FeasibleNodes(j, g)
}

// Suits implements plan.Ground.
func (f *Fleet) Suits(j *api.Job, g *api.TaskGroup, node string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.nodes[node]; !known {
		return true
	}
	ok, _ := f.engine.Suits(j, g, node)
	return ok
}

// NodeChanged follows a change of a node, of its status or of what operators want of it, and
// returns the jobs that may place something because of it. Where its facts changed, those
// that have something on it are among them: it may be right for their current version now,
// or no longer.
func (f *Fleet) NodeChanged(snap store.Snapshot, c store.Change) []reconcile.Request {
	id := c.Key.ID
	if !f.setNode(snap, id) {
		return f.offerLate(snap, nil)
	}
	f.noteControllers(snap, c)
	woken := make([]reconcile.Request, 0, len(f.system))
	if c.Key.Kind == api.KindNode && c.New == nil {
		woken = append(woken, f.bereft(id)...)
	}
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
func (f *Fleet) setNode(snap store.Snapshot, id string) bool {
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

// AllocationChanged follows a change of an allocation, and returns the jobs for which there
// is room because of it. One that is told to stop makes no room yet, but where others of its
// job may go; one that is new may be preempted from now on, by who could not see it before.
// before and after may be nil, but not both; now is the allocation as the snapshot has it,
// nil if it is gone.
func (f *Fleet) AllocationChanged(snap store.Snapshot, before, after, now *api.Allocation) []reconcile.Request {
	a := after
	if a == nil {
		a = before
	}
	told := before != nil && after != nil && before.WantsRun() && !after.WantsRun()
	return f.roomChanged(snap, a.ID, a.NodeID, now, told || before == nil && f.line.blind > 0)
}

// AllocationEnded follows what a node agent says of an allocation that has ended by it, or
// runs again, and returns the jobs for which there is room because of it.
func (f *Fleet) AllocationEnded(snap store.Snapshot, s *api.AllocationStatus) []reconcile.Request {
	a, _ := store.Get[*api.Allocation](snap, api.AllocationKey(s.ID))
	return f.roomChanged(snap, s.ID, s.NodeID, a, false)
}

// roomChanged follows a change of what an allocation takes. a is as it is, nil if it is gone.
func (f *Fleet) roomChanged(snap store.Snapshot, id, node string, a *api.Allocation, offered bool) []reconcile.Request {
	claimed := f.engine.Claims(id)
	gone := f.setAllocation(snap, id, a)
	f.noteUnclaimed(id, claimed)
	if gone || offered {
		return f.offerLate(snap, f.offer(snap, node, nil))
	}
	return f.offerLate(snap, nil)
}

// setAllocation takes over what an allocation takes, and reports whether that is nothing.
func (f *Fleet) setAllocation(snap store.Snapshot, id string, a *api.Allocation) (gone bool) {
	if a != nil && a.Lost != api.AllocClientLost {
		status, _ := store.Get[*api.AllocationStatus](snap, api.Key{Kind: api.KindAllocationStatus, ID: id})
		if !status.Terminal() {
			f.engine.SetAllocation(a)
			return false
		}
	}
	f.engine.RemoveAllocation(id)
	return true
}

// JobChanged follows a change of a job; after is nil if it is gone. It returns the jobs that
// may find room because of it: those that wait, if they may preempt this one now.
func (f *Fleet) JobChanged(req reconcile.Request, before, after *api.Job) []reconcile.Request {
	f.setJob(req, after)
	if before != nil && after != nil && api.Deref(after.Priority) < api.Deref(before.Priority) {
		return f.inLine()
	}
	return nil
}

func (f *Fleet) setJob(req reconcile.Request, j *api.Job) {
	if j != nil {
		f.lowest = min(f.lowest, api.Deref(j.Priority))
	}
	if j == nil || !j.IsSystem() || j.Stopped() {
		delete(f.system, req)
		return
	}
	f.system[req] = struct{}{}
}

// Looked follows the end of a pass over a job: the room that it was woken for, if it
// left any, is offered to the next in line, who is returned.
func (f *Fleet) Looked(snap store.Snapshot, req reconcile.Request) []reconcile.Request {
	var woken []reconcile.Request
	for _, node := range f.line.release(req) {
		woken = f.line.offer(node, f.roomIn(snap), woken)
	}
	return f.offerLate(snap, woken)
}

// offer offers room that a node gained to the jobs in line.
func (f *Fleet) offer(snap store.Snapshot, node string, woken []reconcile.Request) []reconcile.Request {
	f.line.gained(node)
	return f.line.offer(node, f.roomIn(snap), woken)
}

// offerLate offers what was noted to be free by the way. A volume that one of those who have
// just been woken asks for is theirs to look at first.
func (f *Fleet) offerLate(snap store.Snapshot, woken []reconcile.Request) []reconcile.Request {
	for _, node := range f.late {
		if first := f.asksFor(node, woken); first != nil {
			f.line.gained(node)
			f.line.promise(*first, node, f.line.offered[*first].needs)
			continue
		}
		woken = f.offer(snap, node, woken)
	}
	f.late = f.late[:0]
	return woken
}

// roomIn returns a function that says how many instances of a group fit on a node now.
// Who may be preempted for them is found in the snapshot.
func (f *Fleet) roomIn(snap store.Snapshot) func(n *need, node string) int {
	return func(n *need, node string) int {
		if isVolume(node) {
			return f.takes(n, node)
		}
		if n.nodes != nil && !n.nodes[node] {
			return 0
		}
		ask := scheduler.Ask{Job: n.job, Group: n.group, Freed: n.freed[node], Victims: f.victims(snap, Configuration(snap), n.job)}
		return f.engine.Room(ask, node)
	}
}

// Waiting returns the jobs that stand in line for room.
func (f *Fleet) Waiting() []reconcile.Request {
	return f.inLine()
}

func (f *Fleet) inLine() []reconcile.Request {
	return slices.SortedFunc(maps.Keys(f.line.waiting), reconcile.Request.Compare)
}
