package httpapi

import (
	"fmt"
	"regexp"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

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

var namespaceName = regexp.MustCompile(`^[a-zA-Z0-9-]{1,128}$`)

// writeNamespace is PUT /v1/namespace and PUT /v1/namespace/NAME.
func writeNamespace(c *call) error {
	var in api.Namespace
	if err := c.decode(&in); err != nil {
		return err
	}
	if err := c.nameOf("namespace", &in.Name); err != nil {
		return err
	}
	if err := checkNamespace(&in); err != nil {
		return err
	}
	index, err := c.api.change(c.http.Context(), func(s store.Snapshot) (store.Txn, error) {
		next := in
		condition := store.Absent(next.Key())
		if had := get[*api.Namespace](s, next.Key()); had != nil {
			condition = store.Unchanged(had)
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

// checkNamespace says what is wrong with a namespace that is to be written.
func checkNamespace(n *api.Namespace) error {
	invalid := &api.InvalidError{What: fmt.Sprintf("namespace %q", n.Name)}
	if !namespaceName.MatchString(n.Name) {
		invalid.Add("name", "a name has 1 to 128 letters, digits and dashes")
	}
	if len(n.Description) > maxDescription {
		invalid.Add("description", fmt.Sprintf("has %d bytes; it may have %d", len(n.Description), maxDescription))
	}
	if n.Quota != "" {
		invalid.Add("quota", "not supported: quotas")
	}
	if n.VaultConfiguration != nil {
		invalid.Add("vault", "not supported: Vault")
	}
	if n.ConsulConfiguration != nil {
		invalid.Add("consul", "not supported: Consul")
	}
	if len(n.RequiredExtraClaims)+len(n.OptionalExtraClaims) > 0 {
		invalid.Add("extra_claims", "not supported: claims of workload identities")
	}
	if p := n.NodePoolConfiguration; p != nil && len(p.Allowed) > 0 && len(p.Denied) > 0 {
		invalid.Add("node_pool_config", "has both allowed and denied pools; give one of the two")
	}
	return invalid.OrNil()
}

// deleteNamespace is DELETE /v1/namespace/NAME.
func deleteNamespace(c *call) error {
	name := c.path["namespace"]
	if name == api.DefaultNamespace {
		return malformed("namespace %q is built in and can't be deleted", name)
	}
	return c.deleteContainer(container{key: (&api.Namespace{Name: name}).Key(), what: "namespace", free: func(s store.Snapshot) error {
		if err := noLiveJob(s, fmt.Sprintf("namespace %q", name), store.Query{Namespace: name}, func(*api.Job) bool { return true }); err != nil {
			return err
		}
		if err := noVolume(s, name); err != nil {
			return err
		}
		if err := noVariable(s, name); err != nil {
			return err
		}
		return noResource(s, name)
	}})
}

// noResource returns an error that names an object of an author-defined kind which is in
// a namespace.
func noResource(s store.Snapshot, namespace string) error {
	for d := range store.List[*api.KindDefinition](s, store.Query{}) {
		for r := range store.List[*api.Resource](s, store.Query{Kind: api.Kind(d.Name), Namespace: namespace}) {
			return malformed("namespace %q has objects of kind %q, such as %q: delete them first", namespace, d.Name, r.Name)
		}
	}
	return nil
}
