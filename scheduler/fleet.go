package scheduler

import (
	"maps"
	"slices"

	"github.com/droverhq/drover/api"
)

// Fleet is nodes, what they have, and what is taken. It is plain data: no lock, no
// clock, no goroutine. Its owner guards it.
//
// A Fleet keeps about 90 bytes of an allocation: enough to give back what it took.
// Objects that are handed to it are not copied and must not change afterwards,
// which objects of the store never do.
type Fleet struct {
	// mark is the right to write in place: a node, group or shard that does not
	// carry it is shared with a clone and is copied before it is written.
	mark *mark

	nodes     []*node // by slot; nil where a node went
	freeSlots []int32
	slots     map[string]int32 // by node ID

	classes table[classKey]
	samples []*api.Node // by class: any node of it

	groups groups
	usages table[api.Usage]
	ledger ledger

	evictions evictions
	volumes   volumes

	scratch scratch
}

// mark is told apart by its address, so it must not be of size zero.
type mark struct{ _ byte }

// NodeState is a node as placement sees it.
type NodeState struct {
	Node *api.Node // facts
	// Ready says that the node's agent is connected.
	Ready bool
	// Eligible says that operators let new allocations come to it.
	Eligible bool
}

// NewFleet returns a fleet without nodes.
func NewFleet() *Fleet {
	return &Fleet{mark: &mark{}, slots: map[string]int32{}}
}

// Clone returns a fleet of the same content, for dry runs. It copies what is of
// the order of the number of nodes and job groups; nodes, groups and allocations
// are shared and copied when either fleet first writes them.
func (f *Fleet) Clone() *Fleet {
	c := &Fleet{
		mark:      &mark{},
		nodes:     slices.Clone(f.nodes),
		freeSlots: slices.Clone(f.freeSlots),
		slots:     maps.Clone(f.slots),
		classes:   f.classes.clone(),
		samples:   slices.Clone(f.samples),
		groups:    f.groups.clone(),
		usages:    f.usages.clone(),
		ledger:    f.ledger,
		evictions: f.evictions.clone(),
		volumes:   f.volumes.clone(),
	}
	f.mark = &mark{}
	return c
}

// SetNode adds a node or changes what is known of it. What its allocations take is
// kept.
func (f *Fleet) SetNode(s NodeState) {
	n := f.own(f.slot(s.Node.ID))
	n.ready, n.eligible = s.Ready, s.Eligible
	if n.facts == s.Node {
		return
	}
	known := n.facts != nil
	before := n.class
	if known {
		f.volumes.control(n.facts, -1)
	}
	f.volumes.control(s.Node, 1)
	n.describe(s.Node)
	n.class = f.classes.acquire(classOf(s.Node))
	for int(n.class) >= len(f.samples) {
		f.samples = append(f.samples, nil)
	}
	f.samples[n.class] = s.Node
	if known {
		f.releaseClass(before)
	}
}

// RemoveNode takes a node away. What its allocations take is remembered until they
// are removed, in case the node comes back.
func (f *Fleet) RemoveNode(id string) {
	slot, ok := f.slots[id]
	if !ok || f.nodes[slot].facts == nil {
		return
	}
	n := f.own(slot)
	f.releaseClass(n.class)
	f.volumes.control(n.facts, -1)
	n.facts, n.ready, n.eligible = nil, false, false
	f.forget(slot)
}

// Nodes returns how many nodes the fleet has.
func (f *Fleet) Nodes() int {
	count := 0
	for _, n := range f.nodes {
		if n != nil && n.facts != nil {
			count++
		}
	}
	return count
}

func (f *Fleet) releaseClass(class int32) {
	if f.classes.release(class) {
		f.samples[class] = nil
	}
}

// slot returns the slot of a node, which need not be known yet.
func (f *Fleet) slot(nodeID string) int32 {
	if slot, ok := f.slots[nodeID]; ok {
		return slot
	}
	n := &node{mark: f.mark, id: nodeID, hash: hashString(nodeID)}
	var slot int32
	if last := len(f.freeSlots) - 1; last >= 0 {
		slot, f.freeSlots = f.freeSlots[last], f.freeSlots[:last]
		f.nodes[slot] = n
	} else {
		slot = int32(len(f.nodes))
		f.nodes = append(f.nodes, n)
	}
	f.slots[nodeID] = slot
	return slot
}

// forget frees the slot of a node of which nothing is known any more.
func (f *Fleet) forget(slot int32) {
	n := f.nodes[slot]
	if n.facts != nil || n.allocations > 0 {
		return
	}
	delete(f.slots, n.id)
	f.nodes[slot] = nil
	f.freeSlots = append(f.freeSlots, slot)
}

// own returns a node that may be written.
func (f *Fleet) own(slot int32) *node {
	n := f.nodes[slot]
	if n.mark != f.mark {
		n = n.clone(f.mark)
		f.nodes[slot] = n
	}
	return n
}
