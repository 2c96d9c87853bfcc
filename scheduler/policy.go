package scheduler

import "github.com/droverhq/drover/api"

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

// fit says how well a node is used when of its room that much is, 0 to 1.
func (p Policy) fit(room, used api.Usage) float64 {
	if p.Spread {
		return 1 - binPack(room, used)
	}
	return binPack(room, used)
}
