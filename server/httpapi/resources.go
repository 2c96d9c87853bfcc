package httpapi

import (
	"errors"
	"fmt"
	"strings"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/kindspec"
	"github.com/droverhq/drover/server/watch"
	"github.com/droverhq/drover/store"
)

// resourceRoutes are those of author-defined kinds and their objects.
func resourceRoutes() []route {
	return []route{
		{pattern: "txn", put: applyTxn},
		{pattern: "kinds", get: query(kinds(api.KindKindDefinition), listKinds)},
		{pattern: "kind/{kind}", get: query(object("kind", api.KindKindDefinition), readKind), put: defineKind, del: deleteKind},
		{pattern: "resources/{kind}", get: query(ofResources, listResources)},
		{pattern: "resource/{kind}/{name}/status", put: putResourceStatus},
		{pattern: "resource/{kind}/{name}", get: query(ofResource, readResource), put: putResource, del: deleteResource},
	}
}

// ofResources is what listResources reads.
func ofResources(_ store.Snapshot, c *call) []watch.Topic {
	k := api.Kind(c.path["kind"])
	return []watch.Topic{watch.Kind(k), watch.Kind(api.StatusKind(k))}
}

// ofResource is what readResource reads.
func ofResource(s store.Snapshot, c *call) []watch.Topic {
	key, err := c.resourceKey(s)
	if err != nil { // of a kind that is not defined
		return []watch.Topic{watch.Object(api.KindDefinitionKey(c.path["kind"]))}
	}
	return []watch.Topic{watch.Object(key), watch.Object(statusKey(key))}
}

func statusKey(k api.Key) api.Key {
	return api.Key{Kind: api.StatusKind(k.Kind), Namespace: k.Namespace, ID: k.ID}
}

// resourceKey returns the key of the object in the path of a call.
func (c *call) resourceKey(s store.Snapshot) (api.Key, error) {
	d, err := definition(s, c.path["kind"])
	if err != nil {
		return api.Key{}, err
	}
	key := api.Key{Kind: api.Kind(d.Name), ID: c.path["name"]}
	if d.Scope == api.KindNamespaced {
		key.Namespace = c.namespace()
	}
	return key, nil
}

// objectName is how an object is called within its kind.
func objectName(k api.Key) string {
	if k.Namespace == "" {
		return k.ID
	}
	return k.Namespace + "/" + k.ID
}

// listResources is GET /v1/resources/KIND.
func listResources(s store.Snapshot, c *call) (any, error) {
	d, err := definition(s, c.path["kind"])
	if err != nil {
		return nil, err
	}
	q := store.Query{Kind: api.Kind(d.Name), IDPrefix: c.query.Get("prefix")}
	if d.Scope == api.KindNamespaced {
		q.Namespace = c.namespaces()
	}
	return listing[*api.Resource]{
		items: each(store.List[*api.Resource](s, q), func(r *api.Resource) *api.Resource { return joinResource(s, r) }),
		key:   func(r *api.Resource) string { return objectName(r.Key()) },
		view:  func(r *api.Resource) any { return r },
	}.answer(c)
}

func joinResource(s store.Snapshot, r *api.Resource) *api.Resource {
	return api.JoinResource(r, get[*api.ResourceStatus](s, statusKey(r.Key())))
}

// readResource is GET /v1/resource/KIND/NAME.
func readResource(s store.Snapshot, c *call) (any, error) {
	r, err := c.resource(s)
	if err != nil {
		return nil, err
	}
	return joinResource(s, r), nil
}

// resource returns the object in the path of a call.
func (c *call) resource(s store.Snapshot) (*api.Resource, error) {
	key, err := c.resourceKey(s)
	if err != nil {
		return nil, err
	}
	r := get[*api.Resource](s, key)
	if r == nil {
		return nil, notFound(fmt.Sprintf("%s %q", key.Kind, objectName(key)))
	}
	return r, nil
}

// cas reads ?cas=: the index at which what is to be written was last written, 0 if it
// must not exist; nil if nothing is asked of it.
func (c *call) cas() (*uint64, error) {
	if !c.query.Has("cas") {
		return nil, nil
	}
	index, err := c.number("cas")
	return &index, err
}

// checkCAS compares an object with the index that a write of it names.
func checkCAS(s store.Snapshot, key api.Key, cas *uint64) error {
	have := uint64(0)
	if o, ok := s.Get(key); ok {
		_, have = o.Indexes()
	}
	switch {
	case cas == nil || *cas == have:
		return nil
	case *cas == 0:
		return wordedf(api.ErrConflict, "%s %q exists already, written at index %d", key.Kind, objectName(key), have)
	case have == 0:
		return wordedf(api.ErrConflict, "%s %q does not exist, cas=%d", key.Kind, objectName(key), *cas)
	}
	return wordedf(api.ErrConflict, "%s %q was written at index %d, cas=%d", key.Kind, objectName(key), have, *cas)
}

// unchanged is the condition that what is at a key stays as the snapshot has it.
func unchanged(s store.Snapshot, key api.Key) store.Condition {
	if o, ok := s.Get(key); ok {
		return store.Unchanged(o)
	}
	return store.Absent(key)
}

// putResource is PUT /v1/resource/KIND/NAME.
func putResource(c *call) error {
	in := new(api.Resource)
	if err := c.decode(in); err != nil {
		return err
	}
	cas, err := c.cas()
	if err != nil {
		return err
	}
	index, err := c.api.change(c.http.Context(), func(s store.Snapshot) (store.Txn, error) {
		key, err := c.bodyKey(s, in)
		if err != nil {
			return store.Txn{}, err
		}
		if err := checkCAS(s, key, cas); err != nil {
			return store.Txn{}, err
		}
		return planResource(s, &api.Resource{Kind: key.Kind, Namespace: key.Namespace, Name: key.ID, Spec: in.Spec})
	})
	if err != nil {
		return err
	}
	c.indexHeader(index)
	return c.answer(api.IndexResponse{Index: index})
}

// bodyKey returns the key of the object in a body, which must be that in the path. The
// namespace is the body's, or else the query's.
func (c *call) bodyKey(s store.Snapshot, in *api.Resource) (api.Key, error) {
	key, err := c.resourceKey(s)
	if err != nil {
		return key, err
	}
	if in.Kind != "" && in.Kind != key.Kind || in.Name != "" && in.Name != key.ID {
		return key, malformed("the path says %s %q, the body %s %q", key.Kind, key.ID, in.Kind, in.Name)
	}
	if in.Namespace != "" {
		if key.Namespace == "" {
			return key, malformed("objects of kind %q are in no namespace: leave out namespace %q", key.Kind, in.Namespace)
		}
		key.Namespace = in.Namespace
	}
	return key, nil
}

// planResource returns the transaction that writes a resource, if its kind, its name,
// its namespace and its spec are right. One that is there already, and the same, is not
// written again.
func planResource(s store.Snapshot, r *api.Resource) (store.Txn, error) {
	d, err := definition(s, string(r.Kind))
	if err != nil {
		return store.Txn{}, err
	}
	txn := store.Txn{Conditions: []store.Condition{store.Unchanged(d), unchanged(s, r.Key())}}
	invalid := &api.InvalidError{What: fmt.Sprintf("%s %q", r.Kind, r.Name)}
	if !validName(r.Name) {
		invalid.Add("name", "it must have 1 to 128 characters, none of them a space, a slash or a control character")
	}
	switch {
	case d.Scope == api.KindNamespaced:
		namespace := get[*api.Namespace](s, api.Key{Kind: api.KindNamespace, ID: r.Namespace})
		if namespace == nil || namespace.Deleting {
			invalid.Add("namespace", fmt.Sprintf("namespace %q does not exist", r.Namespace))
			break
		}
		txn.Conditions = append(txn.Conditions, store.Unchanged(namespace))
	case r.Namespace != "":
		invalid.Add("namespace", fmt.Sprintf("objects of kind %q are in no namespace", r.Kind))
	}
	if err := checkSpec(d, r); err != nil {
		var wrong *api.InvalidError
		if !errors.As(err, &wrong) {
			return txn, err
		}
		invalid.Fields = append(invalid.Fields, wrong.Fields...)
	}
	if err := invalid.OrNil(); err != nil {
		return txn, err
	}
	if had := get[*api.Resource](s, r.Key()); had != nil && kindspec.SameSchema(had.Spec, r.Spec) {
		return txn, nil
	}
	txn.Writes = []store.Write{store.Put(r)}
	return txn, nil
}

// checkSpec holds a spec against the schema of its kind, and the one that is pending.
func checkSpec(d *api.KindDefinition, r *api.Resource) error {
	schema, err := kindspec.Compile(d.Schema)
	if err != nil {
		return fmt.Errorf("schema of kind %q: %w", d.Name, err)
	}
	if err := schema.Check(r); err != nil || d.Pending == nil {
		return err
	}
	pending, err := kindspec.Compile(d.Pending)
	if err != nil {
		return fmt.Errorf("pending schema of kind %q: %w", d.Name, err)
	}
	if err := pending.Check(r); err != nil {
		return wordedf(api.ErrConflict, "kind %q is just being changed or deleted, and %s %q would not pass then: %s; try again, or finish the change",
			d.Name, r.Kind, r.Name, firstProblem(err))
	}
	return nil
}

const maxResourceName = 128

func validName(name string) bool {
	return name != "" && len(name) <= maxResourceName && !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r == '/' || r == 0x7f
	})
}

// firstProblem is the first of the things that an InvalidError lists.
func firstProblem(err error) string {
	var invalid *api.InvalidError
	if errors.As(err, &invalid) && len(invalid.Fields) > 0 {
		return invalid.Fields[0].Error()
	}
	return err.Error()
}

// deleteResource is DELETE /v1/resource/KIND/NAME: its status goes with it.
func deleteResource(c *call) error {
	cas, err := c.cas()
	if err != nil {
		return err
	}
	index, err := c.api.change(c.http.Context(), func(s store.Snapshot) (store.Txn, error) {
		r, err := c.resource(s)
		if err != nil {
			return store.Txn{}, err
		}
		if err := checkCAS(s, r.Key(), cas); err != nil {
			return store.Txn{}, err
		}
		return store.Txn{
			Conditions: []store.Condition{store.Unchanged(r)},
			Writes:     []store.Write{store.Delete(r.Key()), store.Delete(statusKey(r.Key()))},
		}, nil
	})
	if err != nil {
		return err
	}
	c.indexHeader(index)
	return c.answer(api.IndexResponse{Index: index})
}

// putResourceStatus is PUT /v1/resource/KIND/NAME/status, for controllers.
func putResourceStatus(c *call) error {
	var in api.ResourceStatus
	if err := c.decode(&in); err != nil {
		return err
	}
	cas, err := c.cas()
	if err != nil {
		return err
	}
	index, err := c.api.change(c.http.Context(), func(s store.Snapshot) (store.Txn, error) {
		r, err := c.resource(s)
		if err != nil {
			return store.Txn{}, err
		}
		key := statusKey(r.Key())
		if err := checkCAS(s, key, cas); err != nil {
			return store.Txn{}, err
		}
		next := &api.ResourceStatus{Kind: r.Kind, Namespace: r.Namespace, Name: r.Name, Status: in.Status}
		return store.Txn{
			Conditions: []store.Condition{store.Unchanged(r), unchanged(s, key)},
			Writes:     []store.Write{store.Put(next)},
		}, nil
	})
	if err != nil {
		return err
	}
	c.indexHeader(index)
	return c.answer(api.IndexResponse{Index: index})
}
