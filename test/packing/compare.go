package packing

import (
	"fmt"
	"strings"
)

// Rounds is how many rounds the workloads have that are compared by default.
const Rounds = 120

// Seeds returns the seeds of the workloads that are compared by default.
func Seeds() []uint64 { return []uint64{1, 2, 3, 4, 5, 6} }

// Comparison is how many nodes packers use on average, for each of some workloads.
type Comparison struct {
	Packers []string
	Nodes   map[string][]float64 // by packer, in the order of the workloads
}

// Drovers is the name of the scheduler in a comparison, Singles of it when every instance is
// in a group of its own, so that job-anti-affinity costs nothing.
const (
	Drovers = "drover"
	Singles = "drover, instances apart"
)

// Compare measures all packers.
func Compare(seeds []uint64, rounds int) Comparison {
	c := Comparison{
		Packers: []string{"first-fit decreasing", "best fit", "dot product", Drovers, Singles},
		Nodes:   make(map[string][]float64),
	}
	for _, seed := range seeds {
		w := Generate(seed, rounds)
		single := w.Single()
		for i, nodes := range []float64{
			Mean(w, FirstFitDecreasing(w)), Mean(w, BestFit(w)), Mean(w, DotProduct(w)), Mean(w, Drover(w, fleet)), Mean(single, Drover(single, fleet)),
		} {
			c.Nodes[c.Packers[i]] = append(c.Nodes[c.Packers[i]], nodes)
		}
	}
	return c
}

// fleet is more nodes than any packer needs.
const fleet = 150

// Mean is how many nodes a packer uses over all workloads.
func (c *Comparison) Mean(packer string) float64 {
	sum := 0.0
	for _, nodes := range c.Nodes[packer] {
		sum += nodes
	}
	return sum / float64(len(c.Nodes[packer]))
}

// Best is the lowest mean of the heuristics.
func (c *Comparison) Best() float64 {
	return min(c.Mean("first-fit decreasing"), c.Mean("best fit"), c.Mean("dot product"))
}

// String is the table.
func (c Comparison) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-24s", "nodes used")
	for i := range c.Nodes[Drovers] {
		fmt.Fprintf(&b, " %7s", fmt.Sprintf("#%d", i+1))
	}
	fmt.Fprintf(&b, " %7s %8s\n", "mean", "to best")
	for _, name := range c.Packers {
		fmt.Fprintf(&b, "%-24s", name)
		for _, nodes := range c.Nodes[name] {
			fmt.Fprintf(&b, " %7.1f", nodes)
		}
		fmt.Fprintf(&b, " %7.1f %+7.1f%%\n", c.Mean(name), 100*(c.Mean(name)/c.Best()-1))
	}
	return b.String()
}
