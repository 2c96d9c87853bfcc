package scheduler_test

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/scheduler"
)

func drawWorld(t *rapid.T) *world {
	w := &world{volumes: drawVolumes(t)}
	for i := range rapid.IntRange(1, 6).Draw(t, "nodes") {
		w.nodes = append(w.nodes, drawNode(t, fmt.Sprint("n", i)))
	}
	for i := range rapid.IntRange(0, 5).Draw(t, "allocations") {
		w.allocations = append(w.allocations, drawAllocation(t, w, fmt.Sprint("old-", i)))
	}
	return w
}

func drawAllocation(t *rapid.T, w *world, id string) *api.Allocation {
	a := &api.Allocation{
		ID: id, NodeID: rapid.SampledFrom(w.nodes).Draw(t, "node").Node.ID, Namespace: "default",
		JobID: rapid.SampledFrom([]string{"job", "other"}).Draw(t, "job"), TaskGroup: "g",
		DesiredStatus: rapid.SampledFrom([]string{api.AllocDesiredRun, api.AllocDesiredRun, api.AllocDesiredStop}).Draw(t, "desired"),
		Usage: api.Usage{
			CPU: int64(rapid.IntRange(0, 300).Draw(t, "cpu")), MemoryMB: int64(rapid.IntRange(0, 300).Draw(t, "mem")),
		},
	}
	if cores := rapid.SliceOfNDistinct(rapid.Uint16Range(0, 7), 0, 3, rapid.ID[uint16]).Draw(t, "cores"); len(cores) > 0 {
		a.Grants, a.Usage.Cores = []api.TaskGrant{{Task: "t", Cores: cores}}, int64(len(cores))
	}
	if ids := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a0", "a1", "a2"}), 0, 2, rapid.ID[string]).Draw(t, "devices"); len(ids) > 0 {
		a.Grants = append(a.Grants, api.TaskGrant{Task: "u", Devices: []*api.AllocatedDeviceResource{{Vendor: "a", Type: "gpu", Name: "x", DeviceIDs: ids}}})
	}
	if g := (&api.TaskGroup{}); rapid.Bool().Draw(t, "uses") {
		drawClaims(t, g, api.AccessModes...)
		a.Claims = wishes(g)
	}
	for range rapid.IntRange(0, 2).Draw(t, "ports") {
		a.Ports = append(a.Ports, api.AllocatedPort{Value: 20000 + rapid.IntRange(0, 5).Draw(t, "port"), HostIP: "10.0.0.1"})
	}
	return a
}

func drawAsk(t *rapid.T, w *world, job *api.Job, prefix string) scheduler.Ask {
	ask := scheduler.Ask{Job: job, Group: job.TaskGroups[0], Count: rapid.IntRange(1, 8).Draw(t, "n")}
	ask.Policy.Spread = rapid.Bool().Draw(t, "spread")
	for i := range ask.Count {
		ask.IDs = append(ask.IDs, fmt.Sprint(prefix, i))
	}
	for _, n := range w.nodes {
		if rapid.IntRange(0, 4).Draw(t, "penalty") == 0 {
			ask.PenaltyNodes = append(ask.PenaltyNodes, n.Node.ID)
		}
	}
	for _, a := range w.allocations {
		if rapid.IntRange(0, 3).Draw(t, "free") == 0 {
			ask.Freed = append(ask.Freed, a.ID)
		}
	}
	return ask
}

// Rounding may differ where the same numbers are added in another order.
const tolerance = 1e-12

func TestEveryInstanceGoesToABestNode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		w.checkAnswer(t, drawAsk(t, w, drawJob(t, "job"), "new-"))
	})
}

// checkAnswer asks for instances and holds each against all nodes, as they are by then.
func (w *world) checkAnswer(t *rapid.T, ask scheduler.Ask) {
	placed, failure := w.fleet().Place(ask)
	now := w.replacing(ask.Freed)
	for i, p := range placed {
		best, fits := math.Inf(-1), false
		for _, n := range now.nodes {
			if now.fits(ask.Job, n) {
				best = max(best, now.rank(ask, n.Node))
				fits = fits || n.Node.ID == p.NodeID
			}
		}
		if !fits {
			t.Fatalf("placement %d: node %s can't take it", i, p.NodeID)
		}
		score := p.Metrics.ScoreMetaData[0].NormScore
		if got := now.score(ask, now.node(p.NodeID)); math.Abs(got-score) > tolerance {
			t.Fatalf("placement %d: score of %s is %v, want %v", i, p.NodeID, score, got)
		}
		if rank := now.rank(ask, now.node(p.NodeID)); rank < best-tolerance {
			t.Fatalf("placement %d: %s ranks at %v, a better node at %v", i, p.NodeID, rank, best)
		}
		now.apply(ask.Job, p)
		now.checkCores(t, ask.Group, p)
		now.checkDevices(t, ask.Group, p)
		now.checkClaims(t, ask.Group, p)
	}
	checkFailure(t, now, ask, len(placed), failure)
}

func checkFailure(t *rapid.T, now *world, ask scheduler.Ask, placed int, failure *api.AllocationMetric) {
	if placed == ask.Count {
		if failure != nil {
			t.Fatalf("all are placed, but: %+v", failure)
		}
		return
	}
	if failure == nil || failure.CoalescedFailures != ask.Count-placed-1 {
		t.Fatalf("%d of %d are placed: %+v", placed, ask.Count, failure)
	}
	for _, n := range now.nodes {
		if now.fits(ask.Job, n) {
			t.Fatalf("not placed, but node %s can take it", n.Node.ID)
		}
	}
	if failure.NodesFiltered+failure.NodesExhausted != failure.NodesEvaluated {
		t.Fatalf("nodes are not accounted for: %+v", failure)
	}
	if sum(failure.DimensionExhausted) != failure.NodesExhausted {
		t.Fatalf("exhausted nodes are not accounted for: %+v", failure)
	}
}

func sum(counts map[string]int) int {
	total := 0
	for _, n := range counts {
		total += n
	}
	return total
}

func TestThereIsRoomExactlyWhereAnInstanceFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, job := drawWorld(t), drawJob(t, "job")
		f, ask := w.fleet(), scheduler.Ask{Job: job, Group: job.TaskGroups[0]}
		for _, n := range w.nodes {
			room := f.Room(ask, n.Node.ID)
			if room > 0 != w.fits(job, n) {
				t.Fatalf("room for %d on node %s, but fits is %v", room, n.Node.ID, w.fits(job, n))
			}
		}
		if room := f.Room(ask, "unknown"); room != 0 {
			t.Fatalf("room for %d on a node that is not there", room)
		}
	})
}

func TestHistoryAndOrderDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		ask := drawAsk(t, w, drawJob(t, "job"), "new-")
		f := w.fleet()
		want, wantFailure := f.Clone().Place(ask)

		shuffled := &world{
			volumes:     rapid.Permutation(w.volumes).Draw(t, "volumes"),
			nodes:       rapid.Permutation(w.nodes).Draw(t, "nodes"),
			allocations: rapid.Permutation(w.allocations).Draw(t, "allocations"),
		}
		got, gotFailure := shuffled.fleet().Place(ask)
		same(t, "in another order", want, got, wantFailure, gotFailure)

		other := scheduler.Ask{Job: drawJob(t, "guest"), Count: 3, IDs: []string{"g1", "g2", "g3"}}
		other.Group = other.Job.TaskGroups[0]
		guests, _ := f.Place(other)
		for _, g := range guests {
			f.RemoveAllocation(g.AllocID)
		}
		got, gotFailure = f.Place(ask)
		same(t, "after guests have gone", want, got, wantFailure, gotFailure)
	})
}

func same(t *rapid.T, when string, want, got []scheduler.Placement, wantFailure, gotFailure *api.AllocationMetric) {
	if !reflect.DeepEqual(want, got) || !reflect.DeepEqual(wantFailure, gotFailure) {
		t.Fatalf("%s:\n%s%+v\nbecame\n%s%+v", when, describe(want, wantFailure), want, describe(got, gotFailure), got)
	}
}

// TestNothingIsOverCommitted does anything to a fleet and keeps books beside it.
func TestNothingIsOverCommitted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		r := &random{world: w, fleet: w.fleet()}
		t.Repeat(map[string]func(*rapid.T){
			"place":    r.place,
			"volume":   r.setVolume,
			"place on": r.placeOn,
			"stop":     r.stop,
			"report":   r.report,
			"set node": r.setNode,
			"drop":     r.dropNode,
			"clone":    r.clone,
			"":         r.check,
		})
	})
}

type random struct {
	world *world
	fleet *scheduler.Fleet
	asks  int
}

// place asks for instances and commits or gives up the transaction.
func (r *random) place(t *rapid.T) {
	r.asks++
	ask := drawAsk(t, r.world, drawJob(t, fmt.Sprint("job", r.asks%3)), fmt.Sprintf("p%d-", r.asks))
	ask.Job.Priority, ask.Victims = new(60), r.victims
	placed, _ := r.fleet.Place(ask)
	r.settle(t, ask, placed)
}

// victims lets one of two allocations be preempted.
func (r *random) victims(node string) []scheduler.Victim {
	var out []scheduler.Victim
	for i, a := range r.world.on(node) {
		out = append(out, scheduler.Victim{ID: a.ID, Priority: 10 + 50*(i%2), Limit: i % 3})
	}
	return out
}

func (r *random) placeOn(t *rapid.T) {
	r.asks++
	ask := drawAsk(t, r.world, drawJob(t, "system"), fmt.Sprintf("s%d-", r.asks))
	var ids []string
	for _, n := range r.world.nodes {
		ids = append(ids, n.Node.ID)
	}
	ids = append(ids, "unknown")
	ask.IDs = nil
	for i := range ids {
		ask.IDs = append(ask.IDs, fmt.Sprintf("s%d-%d", r.asks, i))
	}
	placed, failure := r.fleet.PlaceOn(ask, ids)
	if failure == nil || len(placed)+failure.CoalescedFailures+1 != len(ids) {
		t.Fatalf("%d of %d are placed: %+v", len(placed), len(ids), failure)
	}
	r.settle(t, ask, placed)
}

func (r *random) settle(t *rapid.T, ask scheduler.Ask, placed []scheduler.Placement) {
	if rapid.IntRange(0, 3).Draw(t, "conflict") == 0 {
		for _, p := range placed {
			r.fleet.GiveBack(p)
		}
		return
	}
	gone := ask.Freed
	for _, p := range placed {
		gone = append(gone, p.Preempted...)
	}
	for _, id := range gone {
		r.fleet.RemoveAllocation(id)
	}
	r.world = r.world.without(gone)
	r.world.apply(ask.Job, placed...)
	for _, p := range placed {
		r.checkPlaced(t, p)
		r.world.checkCores(t, ask.Group, p)
		r.world.checkDevices(t, ask.Group, p)
		r.world.checkClaims(t, ask.Group, p)
	}
}

func (r *random) checkPlaced(t *rapid.T, p scheduler.Placement) {
	n, used := r.world.node(p.NodeID), r.world.used(p.NodeID)
	if used.CPU > n.Resources.Cpu.CpuShares || used.MemoryMB > n.Resources.Memory.MemoryMB || used.DiskMB > n.Resources.Disk.DiskMB {
		t.Fatalf("node %s is over-committed: %+v of %+v", n.ID, used, n.Resources)
	}
	if n.NodeMaxAllocs > 0 && len(r.world.on(n.ID)) > n.NodeMaxAllocs {
		t.Fatalf("node %s has too many allocations", n.ID)
	}
	for _, port := range p.Ports {
		if holders := r.world.holders(n.ID, port.Value); holders != 1 || reservedPort(n, port.Value) {
			t.Fatalf("port %d of node %s: %d holders", port.Value, n.ID, holders)
		}
	}
}

func (r *random) stop(t *rapid.T) {
	if len(r.world.allocations) == 0 {
		t.Skip("nothing to stop")
	}
	id := rapid.SampledFrom(r.world.allocations).Draw(t, "allocation").ID
	r.fleet.RemoveAllocation(id)
	r.fleet.RemoveAllocation(id)
	r.world = r.world.without([]string{id})
}

// report sets an allocation as the store has it, which may be news.
func (r *random) report(t *rapid.T) {
	a := drawAllocation(t, r.world, fmt.Sprint("old-", rapid.IntRange(0, 5).Draw(t, "id")))
	r.fleet.SetAllocation(a)
	r.fleet.SetAllocation(a)
	r.world = r.world.without([]string{a.ID})
	r.world.allocations = append(r.world.allocations, a)
}

// setVolume registers a volume, in another way than before, or takes it away.
func (r *random) setVolume(t *rapid.T) {
	for _, v := range r.world.volumes {
		r.fleet.RemoveVolume(v.Namespace, v.ID)
	}
	now := *r.world
	now.volumes = drawVolumes(t)
	r.world = &now
	for _, v := range now.volumes {
		r.fleet.SetVolume(v)
	}
}

func (r *random) setNode(t *rapid.T) {
	i := rapid.IntRange(0, len(r.world.nodes)-1).Draw(t, "index")
	s := drawNode(t, r.world.nodes[i].Node.ID)
	r.fleet.SetNode(s)
	r.world.nodes = slices.Clone(r.world.nodes)
	r.world.nodes[i] = s
}

// dropNode takes a node away for a moment.
func (r *random) dropNode(t *rapid.T) {
	s := rapid.SampledFrom(r.world.nodes).Draw(t, "node")
	r.fleet.RemoveNode(s.Node.ID)
	if placed, _ := r.fleet.Clone().Place(drawAsk(t, r.world, drawJob(t, "job"), "dropped-")); slices.ContainsFunc(placed,
		func(p scheduler.Placement) bool { return p.NodeID == s.Node.ID }) {
		t.Fatalf("node %s is gone, but something was placed there", s.Node.ID)
	}
	r.fleet.SetNode(s)
}

// clone goes on with a clone or with the original, and writes to the other.
func (r *random) clone(t *rapid.T) {
	other := r.fleet.Clone()
	if rapid.Bool().Draw(t, "swap") {
		r.fleet, other = other, r.fleet
	}
	other.Place(drawAsk(t, r.world, drawJob(t, "job"), "cloned-"))
	for _, a := range r.world.allocations {
		other.RemoveAllocation(a.ID)
	}
}

// check compares the fleet with one that is made anew of the books.
func (r *random) check(t *rapid.T) {
	if r.fleet.Allocations() != len(r.world.allocations) || r.fleet.Nodes() != len(r.world.nodes) {
		t.Fatalf("%d allocations and %d nodes, want %d and %d",
			r.fleet.Allocations(), r.fleet.Nodes(), len(r.world.allocations), len(r.world.nodes))
	}
	ask := drawAsk(t, r.world, drawJob(t, "job0"), "check-")
	got, gotFailure := r.fleet.Clone().Place(ask)
	want, wantFailure := r.world.fleet().Place(ask)
	same(t, "a fleet made anew", want, got, wantFailure, gotFailure)
}
