package scheduler

import (
	"math"

	"github.com/droverhq/drover/api"
)

// Policy is what operators have said about placement in general. The zero value fills
// nodes and grants no memory beyond what is reserved.
type Policy struct {
	// Spread prefers the nodes with the most room to those with the least.
	Spread bool
	// Oversubscribe grants instances their memory_max.
	Oversubscribe bool
}

// PolicyOf returns what a cluster's configuration says about a job of a node pool, which
// may be nil.
func PolicyOf(c *api.SchedulerConfiguration, pool *api.NodePool) Policy {
	c = c.For(pool)
	return Policy{Spread: c.SchedulerAlgorithm == api.AlgorithmSpread, Oversubscribe: c.MemoryOversubscriptionEnabled}
}

// grants returns what an instance gets of what its group asks for.
func (p Policy) grants(u api.Usage) api.Usage {
	if !p.Oversubscribe {
		u.MemoryMaxMB = 0
	}
	return u
}

// fitStep is the difference in fit from which on it counts. A smaller one tells more about the
// sizes of what happens to be on the nodes than about where there is most use of room, and
// nodes run empty only if what comes is sent to the same ones again and again. Measured in
// test/packing.
const fitStep = 0.2

// ranked is what fit counts for when nodes are compared. Bin packing takes it in steps, with
// nodes that have nothing behind all others.
func (p Policy) ranked(fit float64, empty bool) float64 {
	switch {
	case p.Spread:
		return fit
	case empty:
		return 0
	}
	return fitStep * (1 + math.Floor(fit/fitStep))
}

// tie orders nodes of equal rank. Bin packing has one order for all jobs, so that nodes at
// its end run empty; otherwise different jobs go to different nodes.
func (p Policy) tie(node, job uint64) uint64 {
	if p.Spread {
		return mix(node ^ job)
	}
	return mix(node)
}

// fit says how well a node is used when of its room that much is, 0 to 1.
func (p Policy) fit(room, used api.Usage) float64 {
	if p.Spread {
		return 1 - binPack(room, used)
	}
	return binPack(room, used)
}
