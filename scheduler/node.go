package scheduler

import "github.com/droverhq/drover/api"

// node is a machine and what is taken of it.
type node struct {
	mark *mark
	id   string
	hash uint64
	// facts is nil while only allocations of the node are known.
	facts           *api.Node
	ready, eligible bool
	class           int32

	room           api.Usage // what tasks can have
	maxAllocations int       // 0: any number

	used        api.Usage
	allocations int
	addresses   addresses
	processors  processors
	devices     devices
	attached    attached
}

func (n *node) describe(facts *api.Node) {
	n.facts = facts
	if n.allocations == 0 {
		n.addresses = addresses{} // forgets addresses that the node no longer has
	}
	n.processors.describe(facts)
	n.room = roomOf(facts)
	n.room.Cores = int64(n.processors.count())
	n.maxAllocations = facts.NodeMaxAllocs
	n.addresses.describe(facts)
}

// idle says why nothing is placed on a node, whatever asks, or is empty.
func (n *node) idle() string {
	switch {
	case !n.ready:
		return "node is not ready"
	case !n.eligible:
		return "node is not eligible for scheduling"
	}
	return ""
}

// places is how many allocations the node may still take when some that it has are gone,
// or noLimit.
func (n *node) places(gone int) int {
	if n.maxAllocations == 0 {
		return noLimit
	}
	return max(0, n.maxAllocations-n.allocations+gone)
}

func (n *node) clone(m *mark) *node {
	c := *n
	c.mark = m
	c.addresses, c.processors, c.devices = n.addresses.clone(), n.processors.clone(), n.devices.clone()
	c.attached = n.attached.clone()
	return &c
}
