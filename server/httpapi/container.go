package httpapi

import (
	"path"
	"slices"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// container is something that others are in, or use: a namespace, a node pool, a volume.
type container struct {
	key  api.Key
	what string
	// free says what still is in it, as an error.
	free func(s store.Snapshot) error
}

// deleteContainer deletes a namespace, node pool or volume that nothing is in. It is marked
// first: after that nothing can come into it, and whoever was bringing something is
// noticed. So nothing is ever left in a container that is not there.
func (c *call) deleteContainer(k container) error {
	ctx := c.http.Context()
	_, err := c.api.change(ctx, func(s store.Snapshot) (store.Txn, error) {
		o, ok := s.Get(k.key)
		if !ok {
			return store.Txn{}, notFound(k.what)
		}
		if err := k.free(s); err != nil {
			return store.Txn{}, err
		}
		return rewrite(o, marked(o, true)), nil
	})
	if err != nil {
		return err
	}
	var used error
	index, err := c.api.change(ctx, func(s store.Snapshot) (store.Txn, error) {
		o, ok := s.Get(k.key)
		if !ok {
			return store.Txn{}, notFound(k.what)
		}
		if used = k.free(s); used != nil {
			return rewrite(o, marked(o, false)), nil
		}
		return store.Txn{Conditions: []store.Condition{store.Unchanged(o)}, Writes: []store.Write{store.Delete(k.key)}}, nil
	})
	if err != nil {
		return err
	}
	if used != nil {
		return used
	}
	c.indexHeader(index)
	return nil
}

func rewrite(from, to api.Object) store.Txn {
	return store.Txn{Conditions: []store.Condition{store.Unchanged(from)}, Writes: []store.Write{store.Put(to)}}
}

// marked returns a container as one that is being deleted, or not.
func marked(o api.Object, deleting bool) api.Object {
	switch o := o.(type) {
	case *api.Namespace:
		n := *o
		n.Deleting = deleting
		return &n
	case *api.NodePool:
		p := *o
		p.Deleting = deleting
		return &p
	case *api.CSIVolume:
		v := *o
		v.Deleting = deleting
		return &v
	}
	return o
}

// noLiveJob returns an error that names a job which is in a container and not dead.
func noLiveJob(s store.Snapshot, container string, q store.Query, in func(*api.Job) bool) error {
	for j := range store.List[*api.Job](s, q) {
		if !in(j) {
			continue
		}
		status := get[*api.JobStatus](s, api.JobStatusKey(api.Deref(j.Namespace), api.Deref(j.ID)))
		if status == nil || status.Status != api.JobStatusDead {
			return malformed("%s has jobs that are not dead, such as %q of namespace %q: stop them first",
				container, api.Deref(j.ID), api.Deref(j.Namespace))
		}
	}
	return nil
}

// defaultPool returns the node pool of jobs of a namespace that name none; nil if it is
// the default one.
func (a *API) defaultPool(namespace string) *string {
	n := get[*api.Namespace](a.store.Snapshot(), (&api.Namespace{Name: namespace}).Key())
	if n == nil || n.NodePoolConfiguration == nil || n.NodePoolConfiguration.Default == "" {
		return nil
	}
	return &n.NodePoolConfiguration.Default
}

// permitted says what a namespace does not allow a job.
func permitted(n *api.Namespace, j *api.Job, invalid *api.InvalidError) {
	if p := n.NodePoolConfiguration; p != nil && !allows(p.Allowed, p.Denied, api.Deref(j.NodePool), poolMatches) {
		invalid.Add("node_pool", "node pool \""+api.Deref(j.NodePool)+"\" is not allowed in namespace \""+n.Name+"\"")
	}
	capabilities := n.Capabilities
	if capabilities == nil {
		return
	}
	equal := func(a, b string) bool { return a == b }
	for _, g := range j.TaskGroups {
		for _, t := range g.Tasks {
			if !allows(capabilities.EnabledTaskDrivers, capabilities.DisabledTaskDrivers, t.Driver, equal) {
				invalid.Add("driver", "task driver \""+t.Driver+"\" is not allowed in namespace \""+n.Name+"\"")
			}
		}
		for _, network := range g.Networks {
			mode := network.Mode
			if mode == "" {
				mode = "host"
			}
			if !allows(capabilities.EnabledNetworkModes, capabilities.DisabledNetworkModes, mode, equal) {
				invalid.Add("network", "network mode \""+mode+"\" is not allowed in namespace \""+n.Name+"\"")
			}
		}
	}
}

// allows reports whether a value is on the list of those that are allowed, if there
// are any, and not on that of those that are denied.
func allows(allowed, denied []string, value string, same func(pattern, value string) bool) bool {
	is := func(pattern string) bool { return same(pattern, value) }
	return (len(allowed) == 0 || slices.ContainsFunc(allowed, is)) && !slices.ContainsFunc(denied, is)
}

// poolMatches reports whether a node pool is what a pattern with * means.
func poolMatches(pattern, pool string) bool {
	ok, err := path.Match(pattern, pool)
	return err == nil && ok
}
