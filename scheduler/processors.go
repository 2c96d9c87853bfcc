package scheduler

import (
	"cmp"
	"maps"
	"slices"

	"github.com/droverhq/drover/api"
)

// core is a core that tasks can have to themselves.
type core struct {
	id  uint16
	mhz int64
}

// numaNode is cores that share memory, by their numbers.
type numaNode struct {
	id    uint16
	cores []core
}

// processors is the cores of a node, and who has which.
type processors struct {
	numa      []numaNode // by ID; not written to again
	distances [][]uint16 // the node's, by the IDs of NUMA nodes
	// holders is how many allocations have a core: one that stops and the one that
	// follows it may both.
	holders map[uint16]int
}

// Distances of memory where a node does not tell them, as the kernel has them.
const (
	distanceWithin  = 10
	distanceBetween = 20
)

// describe takes over what a node says of its cores and keeps what is held.
func (p *processors) describe(n *api.Node) {
	p.numa, p.distances = nil, nil
	if n.Resources == nil {
		return
	}
	known := coresOf(n.Resources)
	speeds := int64(0)
	for _, c := range known {
		speeds += speedOf(c)
	}
	byNode := map[uint16][]core{}
	for _, c := range known {
		if !reservable(n, c) || speeds == 0 {
			continue
		}
		// Its part of what the node says it has, which may be what an operator set.
		mhz := n.Resources.Cpu.CpuShares * speedOf(c) / speeds
		numa := uint16(c.NodeID)
		byNode[numa] = append(byNode[numa], core{id: c.ID, mhz: mhz})
	}
	for _, id := range slices.Sorted(maps.Keys(byNode)) {
		cores := byNode[id]
		slices.SortFunc(cores, func(a, b core) int { return cmp.Compare(a.id, b.id) })
		p.numa = append(p.numa, numaNode{id: id, cores: cores})
	}
	if t := n.Resources.Processors.Topology; t != nil {
		p.distances = t.Distances
	}
}

// coresOf returns the cores that a node says it has. Where it does not say how they are,
// they are alike.
func coresOf(r *api.NodeResources) []api.NodeCore {
	if t := r.Processors.Topology; t != nil && len(t.Cores) > 0 {
		return t.Cores
	}
	var cores []api.NodeCore
	for id := range r.Cpu.TotalCpuCores {
		cores = append(cores, api.NodeCore{ID: id, GuessSpeed: 1})
	}
	if len(cores) > 0 {
		return cores
	}
	for _, id := range r.Cpu.ReservableCpuCores {
		cores = append(cores, api.NodeCore{ID: id, GuessSpeed: 1})
	}
	return cores
}

// reservable reports whether tasks can have a core to themselves.
func reservable(n *api.Node, c api.NodeCore) bool {
	listed := n.Resources.Cpu.ReservableCpuCores
	kept := n.ReservedResources != nil && slices.Contains(n.ReservedResources.Cpu.ReservedCpuCores, c.ID)
	return !c.Disable && !kept && (len(listed) == 0 || slices.Contains(listed, c.ID))
}

// speedOf returns how fast a core is, in MHz.
func speedOf(c api.NodeCore) int64 { return int64(cmp.Or(c.BaseSpeed, c.MaxSpeed, c.GuessSpeed)) }

// count returns how many cores tasks can have.
func (p *processors) count() int {
	count := 0
	for i := range p.numa {
		count += len(p.numa[i].cores)
	}
	return count
}

// distance returns how far the memory of one NUMA node is from the cores of another,
// both by their places in p.numa.
func (p *processors) distance(a, b int) int {
	from, to := int(p.numa[a].id), int(p.numa[b].id)
	switch {
	case from < len(p.distances) && to < len(p.distances[from]):
		return int(p.distances[from][to])
	case a == b:
		return distanceWithin
	}
	return distanceBetween
}

func (p *processors) hold(cores []uint16) {
	for _, id := range cores {
		if p.holders == nil {
			p.holders = map[uint16]int{}
		}
		p.holders[id]++
	}
}

func (p *processors) letGo(cores []uint16) {
	for _, id := range cores {
		if p.holders[id]--; p.holders[id] <= 0 {
			delete(p.holders, id)
		}
	}
}

func (p *processors) clone() processors {
	c := *p
	c.holders = maps.Clone(p.holders)
	return c
}
