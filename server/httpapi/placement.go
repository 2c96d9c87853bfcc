package httpapi

import (
	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// listNodePools is GET /v1/node/pools.
func listNodePools(s store.Snapshot, c *call) (any, error) {
	q := store.Query{IDPrefix: c.query.Get("prefix"), After: c.after(api.KindNodePool)}
	return listing[*api.NodePool]{
		items:  store.List[*api.NodePool](s, q),
		key:    func(p *api.NodePool) string { return p.Name },
		sorted: true,
		view:   func(p *api.NodePool) any { return p },
	}.answer(c)
}

// readNodePool is GET /v1/node/pool/NAME.
func readNodePool(s store.Snapshot, c *call) (any, error) {
	if p := get[*api.NodePool](s, api.Key{Kind: api.KindNodePool, ID: c.path["pool"]}); p != nil {
		return p, nil
	}
	return nil, notFound("node pool")
}

// listNamespaces is GET /v1/namespaces.
func listNamespaces(s store.Snapshot, c *call) (any, error) {
	q := store.Query{IDPrefix: c.query.Get("prefix"), After: c.after(api.KindNamespace)}
	return listing[*api.Namespace]{
		items:  store.List[*api.Namespace](s, q),
		key:    func(n *api.Namespace) string { return n.Name },
		sorted: true,
		view:   func(n *api.Namespace) any { return n },
	}.answer(c)
}

// readNamespace is GET /v1/namespace/NAME.
func readNamespace(s store.Snapshot, c *call) (any, error) {
	if n := get[*api.Namespace](s, api.Key{Kind: api.KindNamespace, ID: c.path["namespace"]}); n != nil {
		return n, nil
	}
	return nil, notFound("namespace")
}

// listPoolNodes is GET /v1/node/pool/NAME/nodes.
func listPoolNodes(s store.Snapshot, c *call) (any, error) {
	if _, err := readNodePool(s, c); err != nil {
		return nil, err
	}
	resources, err := c.flag("resources")
	if err != nil {
		return nil, err
	}
	q := store.Query{Index: store.ByPool, Value: c.path["pool"]}
	if c.path["pool"] == api.AllNodePool {
		q = store.Query{}
	}
	return listing[*api.Node]{
		items:  each(store.List[*api.Node](s, q), newView(s).node),
		key:    func(n *api.Node) string { return n.ID },
		sorted: true,
		view:   func(n *api.Node) any { return api.NodeStub(n, resources, false) },
	}.answer(c)
}

// listPoolJobs is GET /v1/node/pool/NAME/jobs.
func listPoolJobs(s store.Snapshot, c *call) (any, error) {
	if _, err := readNodePool(s, c); err != nil {
		return nil, err
	}
	v := newView(s)
	list := jobListing(v, c)
	list.items = where(list.items, func(j *api.Job) bool { return api.Deref(j.NodePool) == c.path["pool"] })
	list.view = func(j *api.Job) any { return api.JobStub(j, v.summary(j), false) }
	return list.answer(c)
}
