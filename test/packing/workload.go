package packing

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Room is an amount of CPU, in MHz, and of memory, in MiB.
type Room struct {
	CPU, MemoryMB int64
}

// Group is instances that come together and stay for some rounds.
type Group struct {
	ID     string
	Size   Room // of each instance
	Count  int
	Rounds int
}

// Workload is what comes in each round, to nodes of one size.
type Workload struct {
	Node   Room
	Rounds [][]Group
}

const (
	// pareto is the shape of the distribution of sizes: a few groups have a large part of
	// everything.
	pareto = 1.2
	// smallest and largest are the bounds of an instance's size, as parts of a node.
	smallest, largest = 1.0 / 64, 0.6
	// meanStay is for how many rounds a group stays on average.
	meanStay = 12
	// perRound is how many groups come in a round.
	perRound = 40
	// largestCount is the most instances that a group has; most have few.
	largestCount = 12
)

// Generate makes a workload. The same seed makes the same one.
func Generate(seed uint64, rounds int) Workload {
	rng := rand.New(rand.NewPCG(seed, 1))
	w := Workload{Node: Room{CPU: 32_000, MemoryMB: 128_000}, Rounds: make([][]Group, rounds)}
	for r := range w.Rounds {
		for k := range perRound {
			w.Rounds[r] = append(w.Rounds[r], w.group(rng, fmt.Sprintf("g%d-%d", r, k)))
		}
	}
	return w
}

// group makes a group of which one resource is asked for a lot, and of the other one a part
// of that.
func (w *Workload) group(rng *rand.Rand, id string) Group {
	most := smallest * math.Pow(1-rng.Float64(), -1/pareto)
	most = min(most, largest)
	least := most * (0.05 + 0.6*rng.Float64())
	cpu, memory := most, least
	if rng.IntN(2) == 0 {
		cpu, memory = least, most
	}
	return Group{
		ID:     id,
		Size:   Room{CPU: int64(cpu * float64(w.Node.CPU)), MemoryMB: int64(memory * float64(w.Node.MemoryMB))},
		Count:  min(int(math.Pow(1-rng.Float64(), -1/pareto)), largestCount),
		Rounds: 1 + int(rng.ExpFloat64()*meanStay),
	}
}

// Single returns the workload with every instance in a group of its own, so that nothing but
// sizes decides where they go.
func (w Workload) Single() Workload {
	out := Workload{Node: w.Node, Rounds: make([][]Group, len(w.Rounds))}
	for r, groups := range w.Rounds {
		for _, g := range groups {
			for i := range g.Count {
				out.Rounds[r] = append(out.Rounds[r], Group{ID: fmt.Sprintf("%s-%d", g.ID, i), Size: g.Size, Count: 1, Rounds: g.Rounds})
			}
		}
	}
	return out
}
