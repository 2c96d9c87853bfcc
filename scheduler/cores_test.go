package scheduler

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/droverhq/drover/api"
)

// drawProcessors draws a node of a few NUMA nodes, some of whose cores are held.
func drawProcessors(t *rapid.T) *processors {
	p := &processors{}
	id := uint16(0)
	for n := range rapid.IntRange(1, 3).Draw(t, "numa nodes") {
		numa := numaNode{id: uint16(n)}
		for range rapid.IntRange(1, 4).Draw(t, "cores") {
			numa.cores = append(numa.cores, core{id: id, mhz: int64(rapid.IntRange(1, 3).Draw(t, "mhz"))})
			if rapid.IntRange(0, 3).Draw(t, "held") == 0 {
				p.hold([]uint16{id})
			}
			id++
		}
		p.numa = append(p.numa, numa)
	}
	return p
}

func drawCoreGroup(t *rapid.T) *api.TaskGroup {
	g := &api.TaskGroup{}
	affinity := rapid.SampledFrom([]string{api.NUMANone, api.NUMAPrefer, api.NUMARequire, api.NUMARequire})
	for i := range rapid.IntRange(1, 4).Draw(t, "tasks") {
		g.Tasks = append(g.Tasks, &api.Task{Name: string(rune('a' + i)), Resources: &api.Resources{
			Cores: new(rapid.IntRange(1, 4).Draw(t, "wanted")), NUMA: &api.NUMAResource{Affinity: affinity.Draw(t, "affinity")},
		}})
	}
	return g
}

// freeCores is how many cores are free on each NUMA node.
func (p *processors) freeCores() []int {
	var free []int
	for _, n := range p.numa {
		free = append(free, len(slices.DeleteFunc(slices.Clone(n.cores), func(c core) bool { return p.holders[c.id] > 0 })))
	}
	return free
}

// drawAssigned draws processors and how many cores of them a task gets, and assigns these.
func drawAssigned(t *rapid.T, affinity string) (p *processors, count int, o *coreOffer) {
	p = rapid.Custom(drawProcessors).Filter(func(p *processors) bool { return slices.Max(p.freeCores()) > 0 }).Draw(t, "processors")
	free := 0
	for _, n := range p.freeCores() {
		free += n
	}
	count, o = rapid.IntRange(1, min(6, free)).Draw(t, "count"), &coreOffer{}
	if why := o.assign(p, nil, []coreAsk{{task: "a", count: count, affinity: affinity}}); why != "" {
		t.Fatalf("%d of %d cores are not to be had: %s", count, free, why)
	}
	return p, count, o
}

// everyShare calls visit with each way to take so many cores of what is free.
func everyShare(free []int, count int, visit func(taken []int)) {
	taken := make([]int, len(free))
	var fill func(n, count int)
	fill = func(n, count int) {
		if n == len(free) {
			if count == 0 {
				visit(taken)
			}
			return
		}
		for taken[n] = 0; taken[n] <= min(count, free[n]); taken[n]++ {
			fill(n+1, count-taken[n])
		}
	}
	fill(0, count)
}

// eachOnOne reports whether each count finds a NUMA node of its own choice.
func eachOnOne(free, counts []int) bool {
	if len(counts) == 0 {
		return true
	}
	for n := range free {
		if free[n] < counts[0] {
			continue
		}
		left := slices.Clone(free)
		left[n] -= counts[0]
		if eachOnOne(left, counts[1:]) {
			return true
		}
	}
	return false
}

func TestCoresAreGivenWheneverTheyCanBe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, g := drawProcessors(t), drawCoreGroup(t)
		var o coreOffer
		exhausted := o.assign(p, nil, coresWanted(g))

		free, wanted, total := p.freeCores(), 0, 0
		var required []int
		for _, n := range free {
			total += n
		}
		for _, task := range g.Tasks {
			wanted += *task.Resources.Cores
			if task.Resources.NUMA.Affinity == api.NUMARequire {
				required = append(required, *task.Resources.Cores)
			}
		}
		want := ""
		switch {
		case wanted > total:
			want = exhaustedCores
		case !eachOnOne(free, required):
			want = exhaustedNUMA
		}
		if exhausted != want {
			t.Fatalf("exhausted is %q, want %q: %v free, %v", exhausted, want, free, required)
		}
		if want == "" {
			checkGiven(t, p, g, &o)
		}
	})
}

func checkGiven(t *rapid.T, p *processors, g *api.TaskGroup, o *coreOffer) {
	given, mhz := map[uint16]bool{}, int64(0)
	for _, task := range g.Tasks {
		i := slices.IndexFunc(o.given, func(c coreGrant) bool { return c.task == task.Name })
		if i < 0 || len(o.given[i].cores) != *task.Resources.Cores || !slices.IsSorted(o.given[i].cores) {
			t.Fatalf("task %s wants %d: %+v", task.Name, *task.Resources.Cores, o.given)
		}
		speed, nodes := int64(0), map[int]bool{}
		for _, id := range o.given[i].cores {
			if given[id] || p.holders[id] > 0 {
				t.Fatalf("core %d is given twice: %+v", id, o.given)
			}
			given[id] = true
			for n := range p.numa {
				for _, c := range p.numa[n].cores {
					if c.id == id {
						speed, nodes[n] = speed+c.mhz, true
					}
				}
			}
		}
		if task.Resources.NUMA.Affinity == api.NUMARequire && len(nodes) != 1 {
			t.Fatalf("task %s is on %d NUMA nodes", task.Name, len(nodes))
		}
		if o.given[i].mhz != speed {
			t.Fatalf("task %s has %d MHz, want %d", task.Name, o.given[i].mhz, speed)
		}
		mhz += speed
	}
	if o.mhz != mhz {
		t.Fatalf("all have %d MHz, want %d", o.mhz, mhz)
	}
}

// TestCoresThatArePreferredNearAreNearest compares with every other choice, where
// another NUMA node is as far as any.
func TestCoresThatArePreferredNearAreNearest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, count, o := drawAssigned(t, api.NUMAPrefer)
		apart := func(taken []int) (sum int) {
			for n, some := range taken {
				sum += some * (some - 1) / 2 * distanceWithin
				for _, others := range taken[:n] {
					sum += some * others * distanceBetween
				}
			}
			return sum
		}
		got := apart(taken(p, o))
		everyShare(p.freeCores(), count, func(other []int) {
			if apart(other) < got {
				t.Fatalf("took %v of %v, %v is nearer", taken(p, o), p.freeCores(), other)
			}
		})
		if one := eachOnOne(p.freeCores(), []int{count}); one != (o.together == 1) || o.wishes != 1 {
			t.Fatalf("one NUMA node is %v, but %d of %d", one, o.together, o.wishes)
		}
	})
}

// TestCoresAnywhereLeaveNUMANodesWhole compares what is left on the freest NUMA node.
func TestCoresAnywhereLeaveNUMANodesWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, count, o := drawAssigned(t, api.NUMANone)
		left := func(taken []int) (most int) {
			for n, free := range p.freeCores() {
				most = max(most, free-taken[n])
			}
			return most
		}
		got := left(taken(p, o))
		everyShare(p.freeCores(), count, func(other []int) {
			if left(other) > got {
				t.Fatalf("took %v of %v, %v leaves more", taken(p, o), p.freeCores(), other)
			}
		})
	})
}

// taken is how many cores the first task got of each NUMA node.
func taken(p *processors, o *coreOffer) []int {
	counts := make([]int, len(p.numa))
	for n, numa := range p.numa {
		for _, c := range numa.cores {
			if slices.Contains(o.given[0].cores, c.id) {
				counts[n]++
			}
		}
	}
	return counts
}

// TestDistancesDecideWhichNUMANodeIsNear takes the table of a machine of two sockets
// with two NUMA nodes each.
func TestDistancesDecideWhichNUMANodeIsNear(t *testing.T) {
	p := &processors{distances: [][]uint16{{10, 12, 32, 32}, {12, 10, 32, 32}, {32, 32, 10, 12}, {32, 32, 12, 10}}}
	for n, held := range []int{1, 2, 0, 3} {
		numa := numaNode{id: uint16(n)}
		for i := range 4 {
			numa.cores = append(numa.cores, core{id: uint16(n*4 + i), mhz: 1})
			if i < held {
				p.hold([]uint16{uint16(n*4 + i)})
			}
		}
		p.numa = append(p.numa, numa)
	}
	var o coreOffer
	if why := o.assign(p, nil, []coreAsk{{task: "a", count: 5, affinity: api.NUMAPrefer}}); why != "" {
		t.Fatal(why)
	}
	// Four of the third and one of the fourth, which is beside it, rather than one of the
	// first, of which more is free.
	if got, want := o.given[0].cores, []uint16{8, 9, 10, 11, 15}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestCoresOfANodeAreThoseThatNobodyKeeps(t *testing.T) {
	for name, c := range map[string]struct {
		node *api.Node
		want []numaNode
	}{
		"it says how many": {
			&api.Node{Resources: &api.NodeResources{Cpu: api.NodeCPUResources{CpuShares: 3000, TotalCpuCores: 3}}},
			[]numaNode{{0, []core{{0, 1000}, {1, 1000}, {2, 1000}}}},
		},
		"it says which": {
			&api.Node{Resources: &api.NodeResources{Cpu: api.NodeCPUResources{CpuShares: 3000, ReservableCpuCores: []uint16{4, 5}}}},
			[]numaNode{{0, []core{{4, 1500}, {5, 1500}}}},
		},
		"some are reserved, not reservable or not to be used": {
			&api.Node{
				Resources: &api.NodeResources{
					Cpu: api.NodeCPUResources{CpuShares: 900, TotalCpuCores: 6, ReservableCpuCores: []uint16{1, 2, 3, 5}},
					Processors: api.NodeProcessors{Topology: &api.NodeTopology{Cores: []api.NodeCore{
						{ID: 5, NodeID: 1, BaseSpeed: 1000},
						{ID: 0, BaseSpeed: 2000},
						{ID: 1, BaseSpeed: 2000},
						{ID: 2, BaseSpeed: 2000},
						{ID: 3, NodeID: 1, BaseSpeed: 1000, Disable: true},
						{ID: 4, NodeID: 1, MaxSpeed: 1000},
					}}},
				},
				ReservedResources: &api.NodeReservedResources{Cpu: api.NodeReservedCPUResources{ReservedCpuCores: []uint16{2}}},
			},
			[]numaNode{{0, []core{{1, 200}}}, {1, []core{{5, 100}}}},
		},
		"it says nothing": {&api.Node{}, nil},
	} {
		var p processors
		p.describe(c.node)
		if !slices.EqualFunc(p.numa, c.want, func(a, b numaNode) bool { return a.id == b.id && slices.Equal(a.cores, b.cores) }) {
			t.Errorf("%s: %+v, want %+v", name, p.numa, c.want)
		}
	}
}
