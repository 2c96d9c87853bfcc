package httpapi

import (
	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/server/watch"
	"github.com/droverhq/drover/store"
)

// listNodes is GET /v1/nodes.
func listNodes(s store.Snapshot, c *call) (any, error) {
	resources, err := c.flag("resources")
	if err != nil {
		return nil, err
	}
	withOS, err := c.flag("os")
	if err != nil {
		return nil, err
	}
	q := store.Query{IDPrefix: c.query.Get("prefix"), After: c.after(api.KindNode)}
	return listing[*api.Node]{
		items:  each(store.List[*api.Node](s, q), newView(s).node),
		key:    func(n *api.Node) string { return n.ID },
		sorted: true,
		view:   func(n *api.Node) any { return api.NodeStub(n, resources, withOS) },
	}.answer(c)
}

// readNode is GET /v1/node/ID.
func readNode(s store.Snapshot, c *call) (any, error) {
	n, err := c.node(s)
	if err != nil {
		return nil, err
	}
	joined := newView(s).node(n)
	for status := range store.List[*api.AllocationStatus](s, store.Query{Index: store.ByNode, Value: n.ID}) {
		joined.LastAllocUpdateIndex = max(joined.LastAllocUpdateIndex, status.ModifyIndex)
	}
	return joined, nil
}

// node returns the node in a call's path.
func (c *call) node(s store.Snapshot) (*api.Node, error) {
	id, err := c.id("node", "node")
	if err != nil {
		return nil, err
	}
	n := get[*api.Node](s, api.Key{Kind: api.KindNode, ID: id})
	if n == nil {
		return nil, notFound("node")
	}
	return n, nil
}

// allocationsOfNode is what readNodeAllocations reads.
func allocationsOfNode(_ store.Snapshot, c *call) []watch.Topic {
	return []watch.Topic{
		watch.Index(api.KindAllocation, store.ByNode, c.path["node"]),
		watch.Index(api.KindAllocationStatus, store.ByNode, c.path["node"]),
	}
}

// readNodeAllocations is GET /v1/node/ID/allocations: whole ones, with their jobs.
func readNodeAllocations(s store.Snapshot, c *call) (any, error) {
	id, err := c.id("node", "node")
	if err != nil {
		return nil, err
	}
	items := store.List[*api.Allocation](s, store.Query{Index: store.ByNode, Value: id})
	return listing[*api.Allocation]{
		items:  each(items, newView(s).allocation),
		key:    func(a *api.Allocation) string { return a.ID },
		sorted: true,
		view:   func(a *api.Allocation) any { return a },
	}.answer(c)
}
