package httpapi

import (
	"fmt"
	"regexp"

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

// maxDescription is the longest description of a namespace or node pool, in bytes.
const maxDescription = 256

var poolName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,128}$`)

// writeNodePool is PUT /v1/node/pools and PUT /v1/node/pool/NAME.
func writeNodePool(c *call) error {
	var in api.NodePool
	if err := c.decode(&in); err != nil {
		return err
	}
	if err := c.nameOf("pool", &in.Name); err != nil {
		return err
	}
	if err := checkPool(&in); err != nil {
		return err
	}
	index, err := c.api.change(c.http.Context(), func(s store.Snapshot) (store.Txn, error) {
		next := in
		condition := store.Absent(next.Key())
		if had := get[*api.NodePool](s, next.Key()); had != nil {
			condition = store.Unchanged(had)
			next.NodeIdentityTTL = had.NodeIdentityTTL
		} else if next.NodeIdentityTTL == 0 {
			next.NodeIdentityTTL = api.DefaultNodeIdentityTTL
		}
		next.SetHash()
		return store.Txn{Conditions: []store.Condition{condition}, Writes: []store.Write{store.Put(&next)}}, nil
	})
	if err != nil {
		return err
	}
	c.indexHeader(index)
	return nil
}

// nameOf takes the name of what is written from the path if the body has none.
func (c *call) nameOf(part string, name *string) error {
	inPath, ok := c.path[part]
	switch {
	case !ok || *name == inPath:
	case *name == "":
		*name = inPath
	default:
		return malformed("the name in the body, %q, is not the one in the path, %q", *name, inPath)
	}
	return nil
}

// checkPool says what is wrong with a pool that is to be written.
func checkPool(p *api.NodePool) error {
	if p.IsBuiltin() {
		return malformed("node pool %q is built in and can't be changed", p.Name)
	}
	invalid := &api.InvalidError{What: fmt.Sprintf("node pool %q", p.Name)}
	if !poolName.MatchString(p.Name) {
		invalid.Add("name", "a name has 1 to 128 letters, digits, dashes and underscores")
	}
	if len(p.Description) > maxDescription {
		invalid.Add("description", fmt.Sprintf("has %d bytes; it may have %d", len(p.Description), maxDescription))
	}
	if p.SchedulerConfiguration != nil {
		p.SchedulerConfiguration.Check(invalid)
	}
	return invalid.OrNil()
}

// deleteNodePool is DELETE /v1/node/pool/NAME.
func deleteNodePool(c *call) error {
	name := c.path["pool"]
	if (&api.NodePool{Name: name}).IsBuiltin() {
		return malformed("node pool %q is built in and can't be deleted", name)
	}
	return c.deleteContainer(container{key: (&api.NodePool{Name: name}).Key(), what: "node pool", free: func(s store.Snapshot) error {
		if n := s.Count(store.Query{Kind: api.KindNode, Index: store.ByPool, Value: name}); n > 0 {
			return malformed("node pool %q has %d nodes: give them another pool, or purge those that are gone", name, n)
		}
		return noLiveJob(s, fmt.Sprintf("node pool %q", name), store.Query{}, func(j *api.Job) bool { return api.Deref(j.NodePool) == name })
	}})
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
	v := newSummaries(s, c)
	list := jobListing(v, c)
	list.items = where(list.items, func(j *api.Job) bool { return api.Deref(j.NodePool) == c.path["pool"] })
	list.view = func(j *api.Job) any { return api.JobStub(j, v.summary(j), false) }
	return list.answer(c)
}
