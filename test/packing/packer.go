package packing

import (
	"cmp"
	"slices"
)

// Packer places instances on nodes. It may take a node of its own for each.
type Packer interface {
	// Come places the groups that come in a round.
	Come(groups []Group)
	// Go takes a group away.
	Go(group Group)
	// Nodes is how many nodes have any instance.
	Nodes() int
}

// Mean is how many nodes a packer uses for a workload on average, in the second half of it:
// in the first the fleet fills.
func Mean(w Workload, p Packer) float64 {
	ends := make(map[int][]Group)
	sum, counted := 0, 0
	for r, coming := range w.Rounds {
		for _, g := range ends[r] {
			p.Go(g)
		}
		p.Come(coming)
		for _, g := range coming {
			ends[r+g.Rounds] = append(ends[r+g.Rounds], g)
		}
		if r >= len(w.Rounds)/2 {
			sum, counted = sum+p.Nodes(), counted+1
		}
	}
	return float64(sum) / float64(counted)
}

// heuristic is a packer that chooses among the nodes on which an instance fits. It opens
// another node only if there is none.
type heuristic struct {
	node Room
	// decreasing says that what comes in a round is placed in the order of its size.
	decreasing bool
	// score ranks a node with that much left for an instance; the highest is taken, of equal
	// ones the first. nil: the first.
	score func(left, size Room) float64

	left  []Room
	count []int // instances, by node
	at    map[string][]int
}

// FirstFitDecreasing takes the first node that has room, the largest instances first.
func FirstFitDecreasing(w Workload) Packer { return newHeuristic(w, true, nil) }

// BestFit takes the node on which least is left: the sum of the parts of CPU and memory.
func BestFit(w Workload) Packer {
	return newHeuristic(w, false, func(left, size Room) float64 {
		return -w.part(left.CPU-size.CPU, w.Node.CPU) - w.part(left.MemoryMB-size.MemoryMB, w.Node.MemoryMB)
	})
}

// DotProduct takes the node of which what is left is most like what is asked for.
func DotProduct(w Workload) Packer {
	return newHeuristic(w, true, func(left, size Room) float64 {
		return w.part(left.CPU, w.Node.CPU)*w.part(size.CPU, w.Node.CPU) +
			w.part(left.MemoryMB, w.Node.MemoryMB)*w.part(size.MemoryMB, w.Node.MemoryMB)
	})
}

func (w *Workload) part(amount, of int64) float64 { return float64(amount) / float64(of) }

func newHeuristic(w Workload, decreasing bool, score func(left, size Room) float64) *heuristic {
	return &heuristic{node: w.Node, decreasing: decreasing, score: score, at: make(map[string][]int)}
}

func (h *heuristic) Come(groups []Group) {
	groups = slices.Clone(groups)
	if h.decreasing {
		size := func(g Group) float64 {
			return max(float64(g.Size.CPU)/float64(h.node.CPU), float64(g.Size.MemoryMB)/float64(h.node.MemoryMB))
		}
		slices.SortStableFunc(groups, func(a, b Group) int { return cmp.Compare(size(b), size(a)) })
	}
	for _, g := range groups {
		for range g.Count {
			h.place(g)
		}
	}
}

func (h *heuristic) place(g Group) {
	best, most := -1, 0.0
	for n, left := range h.left {
		if h.count[n] == 0 || left.CPU < g.Size.CPU || left.MemoryMB < g.Size.MemoryMB {
			continue
		}
		score := 0.0
		if h.score != nil {
			score = h.score(left, g.Size)
		}
		if best < 0 || score > most {
			best, most = n, score
		}
	}
	if best < 0 {
		best = h.open()
	}
	h.left[best].CPU -= g.Size.CPU
	h.left[best].MemoryMB -= g.Size.MemoryMB
	h.count[best]++
	h.at[g.ID] = append(h.at[g.ID], best)
}

// open returns an empty node.
func (h *heuristic) open() int {
	if n := slices.Index(h.count, 0); n >= 0 {
		return n
	}
	h.left, h.count = append(h.left, h.node), append(h.count, 0)
	return len(h.left) - 1
}

func (h *heuristic) Go(g Group) {
	for _, n := range h.at[g.ID] {
		h.left[n].CPU += g.Size.CPU
		h.left[n].MemoryMB += g.Size.MemoryMB
		h.count[n]--
	}
	delete(h.at, g.ID)
}

func (h *heuristic) Nodes() int {
	used := 0
	for _, n := range h.count {
		if n > 0 {
			used++
		}
	}
	return used
}
