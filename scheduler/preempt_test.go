package scheduler_test

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/scheduler"
)

// hunter is a world in which the priority of an allocation is the number in its job's
// name, and how many instances of a job should be evicted at a time is in limits.
type hunter struct {
	*world
	limits map[string]int
	// evicted counts, by job, those that this world has lost already.
	evicted map[string]int
}

func priorityOf(a *api.Allocation) int {
	priority, err := strconv.Atoi(strings.TrimLeft(a.JobID, "ab"))
	if err != nil {
		return api.MaxJobPriority
	}
	return priority
}

func drawHunter(t *rapid.T) *hunter {
	w := &hunter{world: &world{}, limits: map[string]int{}, evicted: map[string]int{}}
	for i := range rapid.IntRange(1, 3).Draw(t, "nodes") {
		w.nodes = append(w.nodes, drawNode(t, fmt.Sprint("n", i)))
	}
	jobs := []string{"a10", "a10", "b10", "b10", "a20", "a50", "a50", "b50", "b50", "a51", "job"}
	for _, job := range jobs {
		w.limits[job] = rapid.SampledFrom([]int{0, 1, 1, 2}).Draw(t, "limit")
	}
	for i := range rapid.IntRange(3, 10).Draw(t, "allocations") {
		a := drawAllocation(t, w.world, fmt.Sprint("old-", i))
		a.JobID = rapid.SampledFrom(jobs).Draw(t, "of")
		a.DesiredStatus = api.AllocDesiredRun
		a.Usage.CPU = (a.Usage.CPU + 99) / 100 * 100
		switch rapid.IntRange(0, 9).Draw(t, "desired") {
		case 0:
			a.DesiredStatus = api.AllocDesiredStop
		case 1, 2:
			a.DesiredStatus = api.AllocDesiredEvict
			w.evicted[a.JobID]++
		}
		w.allocations = append(w.allocations, a)
	}
	for _, n := range w.nodes { // little is left of them
		used := w.used(n.Node.ID)
		n.Node.Resources.Cpu.CpuShares = used.CPU + int64(rapid.IntRange(1, 100).Draw(t, "cpu left"))
		n.Node.Resources.Memory.MemoryMB = used.MemoryMB + int64(rapid.IntRange(1, 100).Draw(t, "memory left"))
	}
	return w
}

// victims lists the allocations of nodes as they may be preempted, in some order.
func (w *hunter) victims(order []*api.Allocation) func(string) []scheduler.Victim {
	return func(node string) []scheduler.Victim {
		var out []scheduler.Victim
		for _, a := range order {
			if a.NodeID == node {
				out = append(out, scheduler.Victim{ID: a.ID, Priority: priorityOf(a), Limit: w.limits[a.JobID]})
			}
		}
		return out
	}
}

// loss is what it means to lose allocations, in the form of the documentation: for every
// priority from the highest how many beyond the limits, and how many in all.
func (w *hunter) loss(lost []*api.Allocation) []int {
	byJob, priorities := map[string]int{}, map[int]bool{10: true, 20: true, 50: true}
	for _, a := range lost {
		byJob[a.JobID]++
	}
	var out []int
	for _, priority := range slices.Backward(slices.Sorted(maps.Keys(priorities))) {
		over, count := 0, 0
		for job, n := range byJob {
			if priorityOf(&api.Allocation{JobID: job}) != priority {
				continue
			}
			count += n
			if limit := w.limits[job]; limit > 0 {
				over += max(0, w.evicted[job]+n-limit) - max(0, w.evicted[job]-limit)
			}
		}
		out = append(out, over, count)
	}
	return out
}

// waste is how much of a node goes with allocations.
func (w *hunter) waste(n *api.Node, lost []*api.Allocation) float64 {
	sum := api.Usage{}
	for _, a := range lost {
		sum = sum.Add(a.Usage)
	}
	return float64(sum.CPU)/float64(n.Resources.Cpu.CpuShares) + float64(sum.MemoryMB)/float64(n.Resources.Memory.MemoryMB) +
		float64(sum.DiskMB)/float64(n.Resources.Disk.DiskMB)
}

// ways returns every set of allocations of a node that may be preempted by a job and whose
// end makes room for an instance of it.
func (w *hunter) ways(ask scheduler.Ask, n scheduler.NodeState) [][]*api.Allocation {
	var prey []*api.Allocation
	for _, a := range w.on(n.Node.ID) {
		if a.WantsRun() && priorityOf(a) <= *ask.Job.Priority-10 && !strings.HasPrefix(a.ID, "new-") {
			prey = append(prey, a)
		}
	}
	going := idsOf(w.going(n.Node.ID))
	var ways [][]*api.Allocation
	for set := range 1 << len(prey) {
		var lost []*api.Allocation
		ids := slices.Clone(going)
		for i, a := range prey {
			if set&(1<<i) != 0 {
				lost, ids = append(lost, a), append(ids, a.ID)
			}
		}
		if w.without(ids).fits(ask.Job, n) {
			ways = append(ways, lost)
		}
	}
	return ways
}

// going returns the allocations of a node that were evicted before.
func (w *hunter) going(nodeID string) []*api.Allocation {
	return slices.DeleteFunc(w.on(nodeID), func(a *api.Allocation) bool { return a.DesiredStatus != api.AllocDesiredEvict })
}

// least returns the least that has to be lost on a node, and on that with the least waste
// the lowest score.
func (w *hunter) least(ask scheduler.Ask, n scheduler.NodeState) (loss []int, waste, score float64) {
	waste, score = math.Inf(1), math.Inf(1)
	for _, lost := range w.ways(ask, n) {
		l, wasted := w.loss(lost), w.waste(n.Node, lost)
		order := -1
		if loss != nil {
			order = cmp.Or(slices.Compare(l, loss), compareRounded(wasted, waste))
		}
		if order < 0 {
			loss, waste, score = l, wasted, math.Inf(1)
		}
		if order <= 0 {
			score = min(score, w.without(idsOf(append(lost, w.going(n.Node.ID)...))).rank(ask, n.Node))
		}
	}
	return loss, waste, score
}

func compareRounded(a, b float64) int {
	if math.Abs(a-b) < tolerance {
		return 0
	}
	return cmp.Compare(a, b)
}

func idsOf(allocations []*api.Allocation) []string {
	var ids []string
	for _, a := range allocations {
		ids = append(ids, a.ID)
	}
	return ids
}

func drawHunt(t *rapid.T, w *hunter) scheduler.Ask {
	job := drawJob(t, "job")
	job.Priority = new(60)
	if rapid.Bool().Draw(t, "large") { // takes the room of several
		resources := job.TaskGroups[0].Tasks[0].Resources
		resources.CPU, resources.MemoryMB = new(rapid.IntRange(2, 6).Draw(t, "cpu")*100), new(0)
		job.TaskGroups[0].Networks = nil
	}
	ask := drawAsk(t, w.world, job, "new-")
	ask.Count = min(ask.Count, 5)
	ask.IDs = ask.IDs[:ask.Count]
	return ask
}

func TestPreemptionDoesTheLeastDamageAndOnlyWhereItMust(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawHunter(t)
		ask := drawHunt(t, w)
		ask.Victims = w.victims(w.allocations)
		placed, failure := w.fleet().Place(ask)

		now := &hunter{world: w.without(ask.Freed), limits: w.limits, evicted: w.evicted}
		for i, p := range placed {
			now.check(t, ask, i, p)
			now.world = now.without(p.Preempted)
			now.apply(ask.Job, p)
		}
		checkFailure(t, now.world, ask, len(placed), failure)
		if failure == nil {
			return
		}
		for _, n := range now.nodes {
			if ways := now.ways(ask, n); len(ways) > 0 {
				t.Fatalf("not placed, but node %s has room without %v", n.Node.ID, idsOf(ways[0]))
			}
		}
	})
}

// check checks who is preempted for the next placement.
func (w *hunter) check(t *rapid.T, ask scheduler.Ask, i int, p scheduler.Placement) {
	n := w.state(p.NodeID)
	var lost []*api.Allocation

	counts := false                    // on somebody's end
	for _, a := range w.on(p.NodeID) { // the others it counts on were lost before
		if slices.Contains(p.Preempted, a.ID) {
			counts = true
			if a.DesiredStatus != api.AllocDesiredEvict {
				lost = append(lost, a)
			}
		}
	}
	for _, a := range lost {
		if priorityOf(a) > *ask.Job.Priority-10 || !a.WantsRun() || slices.Contains(ask.Freed, a.ID) {
			t.Fatalf("placement %d: %s of priority %d, which is to %s, is preempted", i, a.ID, priorityOf(a), a.DesiredStatus)
		}
	}
	if !w.without(p.Preempted).fits(ask.Job, n) {
		t.Fatalf("placement %d: node %s has no room without %v", i, p.NodeID, p.Preempted)
	}
	for _, other := range w.nodes {
		if counts && w.fits(ask.Job, other) {
			t.Fatalf("placement %d: %v are preempted though node %s has room", i, p.Preempted, other.Node.ID)
		}
	}
	if !counts {
		return
	}
	loss, waste := w.loss(lost), w.waste(n.Node, lost)
	score := w.without(append(p.Preempted, idsOf(w.going(p.NodeID))...)).rank(ask, n.Node)
	for _, other := range w.nodes {
		least, wasted, reached := w.least(ask, other)
		if least == nil {
			continue
		}
		order := slices.Compare(loss, least)
		if order > 0 || order == 0 && (other.Node == n.Node && compareRounded(waste, wasted) > 0 || compareRounded(reached, score) > 0) {
			t.Fatalf("placement %d: losing %v on node %s does %v, wastes %v and scores %v; on node %s it could do %v, %v, %v",
				i, p.Preempted, p.NodeID, loss, waste, score, other.Node.ID, least, wasted, reached)
		}
	}
	for _, a := range lost {
		w.evicted[a.JobID]++
	}
}

func (w *hunter) state(id string) scheduler.NodeState {
	i := slices.IndexFunc(w.nodes, func(n scheduler.NodeState) bool { return n.Node.ID == id })
	return w.nodes[i]
}

func TestPreemptionDoesNotDependOnOrderAndCanBeUndone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawHunter(t)
		ask := drawHunt(t, w)
		ask.Victims = w.victims(w.allocations)
		f := w.fleet()
		want, wantFailure := f.Clone().Place(ask)

		ask.Victims = w.victims(rapid.Permutation(w.allocations).Draw(t, "order"))
		got, gotFailure := f.Place(ask)
		same(t, "with victims in another order", want, got, wantFailure, gotFailure)
		for _, p := range got {
			f.GiveBack(p)
		}
		got, gotFailure = f.Place(ask)
		same(t, "after all was given back", want, got, wantFailure, gotFailure)
	})
}

func TestThereIsRoomByPreemptionExactlyWhereSomeWayMakesIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawHunter(t)
		ask := drawHunt(t, w)
		ask.Freed, ask.Victims = nil, w.victims(w.allocations)
		f := w.fleet()
		for _, n := range w.nodes {
			if room, ways := f.Room(ask, n.Node.ID), w.ways(ask, n); room > 0 != (len(ways) > 0) {
				t.Fatalf("room for %d on node %s, but there are %d ways to make it", room, n.Node.ID, len(ways))
			}
			placed, _ := f.Clone().PlaceOn(scheduler.Ask{Job: ask.Job, Group: ask.Group, IDs: ask.IDs[:1], Victims: ask.Victims}, []string{n.Node.ID})
			if len(placed) > 0 != (len(w.ways(ask, n)) > 0) {
				t.Fatalf("placed %d on node %s", len(placed), n.Node.ID)
			}
		}
	})
}
