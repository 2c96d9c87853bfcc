package httpapi

import (
	"context"
	"fmt"
	"strings"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/kindspec"
	"github.com/droverhq/drover/store"
)

// listKinds is GET /v1/kinds: the definitions of author-defined kinds.
func listKinds(s store.Snapshot, c *call) (any, error) {
	q := store.Query{IDPrefix: c.query.Get("prefix"), After: c.after(api.KindKindDefinition)}
	return listing[*api.KindDefinition]{
		items:  store.List[*api.KindDefinition](s, q),
		key:    func(d *api.KindDefinition) string { return d.Name },
		sorted: true,
		view:   func(d *api.KindDefinition) any { return d },
	}.answer(c)
}

// readKind is GET /v1/kind/NAME.
func readKind(s store.Snapshot, c *call) (any, error) {
	return definition(s, c.path["kind"])
}

// definition returns the definition of a kind.
func definition(s store.Snapshot, name string) (*api.KindDefinition, error) {
	d := get[*api.KindDefinition](s, api.KindDefinitionKey(name))
	if d == nil {
		return nil, notFound(fmt.Sprintf("kind %q", name))
	}
	return d, nil
}

// defineKind is PUT /v1/kind/NAME: a new definition, or a change of one that all
// objects of the kind pass. Meanwhile new objects must pass both, so that none slips
// through between the look at all of them and the change.
func defineKind(c *call) error {
	next := new(api.KindDefinition)
	if err := c.decode(next); err != nil {
		return err
	}
	if next.Name == "" {
		next.Name = c.path["kind"]
	}
	if next.Name != c.path["kind"] {
		return malformed("the path says kind %q, the body %q", c.path["kind"], next.Name)
	}
	if next.Scope == "" {
		next.Scope = api.KindNamespaced
	}
	next.Pending = nil
	if err := kindspec.Validate(next); err != nil {
		return err
	}
	ctx := c.http.Context()
	cas, err := c.cas()
	if err != nil {
		return err
	}
	pending := false
	index, err := c.api.change(ctx, func(s store.Snapshot) (store.Txn, error) {
		var txn store.Txn
		txn, pending, err = planDefine(s, next, cas)
		return txn, err
	})
	if err != nil {
		return err
	}
	if pending {
		if index, err = c.api.settle(ctx, index, next); err != nil {
			return err
		}
	}
	c.indexHeader(index)
	return c.answer(api.IndexResponse{Index: index})
}

// planDefine returns the transaction that defines a kind, or, if its schema changes,
// the first of two: see settle.
func planDefine(s store.Snapshot, next *api.KindDefinition, cas *uint64) (txn store.Txn, pending bool, err error) {
	current := get[*api.KindDefinition](s, next.Key())
	if err := checkCAS(s, next.Key(), cas); err != nil {
		return txn, false, err
	}
	if current == nil {
		return store.Txn{Conditions: []store.Condition{store.Absent(next.Key())}, Writes: []store.Write{store.Put(next)}}, false, nil
	}
	txn.Conditions = []store.Condition{store.Unchanged(current)}
	if kindspec.Same(current, next) {
		return txn, false, nil
	}
	if current.Scope != next.Scope {
		return txn, false, malformed("kind %q is %s and can't become %s: its objects would have other names; define another kind",
			next.Name, current.Scope, next.Scope)
	}
	if kindspec.SameSchema(current.Schema, next.Schema) {
		txn.Writes = []store.Write{store.Put(next)}
		return txn, false, nil
	}
	marked := *current
	marked.Pending = next.Schema
	txn.Writes = []store.Write{store.Put(&marked)}
	return txn, true, nil
}

// deleteKind is DELETE /v1/kind/NAME. A kind that has objects stays.
func deleteKind(c *call) error {
	ctx, name := c.http.Context(), c.path["kind"]
	cas, err := c.cas()
	if err != nil {
		return err
	}
	index, err := c.api.change(ctx, func(s store.Snapshot) (store.Txn, error) {
		current, err := definition(s, name)
		if err != nil {
			return store.Txn{}, err
		}
		if err := checkCAS(s, current.Key(), cas); err != nil {
			return store.Txn{}, err
		}
		marked := *current
		marked.Pending = kindspec.Nothing()
		return store.Txn{Conditions: []store.Condition{store.Unchanged(current)}, Writes: []store.Write{store.Put(&marked)}}, nil
	})
	if err != nil {
		return err
	}
	if index, err = c.api.settle(ctx, index, &api.KindDefinition{Name: name}); err != nil {
		return err
	}
	c.indexHeader(index)
	return c.answer(api.IndexResponse{Index: index})
}

// settle ends a change of a kind that was marked at index: the pending schema comes into
// force, or goes away if there are objects that do not pass it. A definition without a
// schema means the end of the kind.
func (a *API) settle(ctx context.Context, index uint64, next *api.KindDefinition) (uint64, error) {
	ctx = context.WithoutCancel(ctx) // a mark that is left behind keeps new objects out
	s := a.store.Snapshot()
	marked := get[*api.KindDefinition](s, next.Key())
	if marked == nil || marked.ModifyIndex != index {
		return 0, wordedf(api.ErrConflict, "kind %q was changed by somebody else meanwhile: look at it and try again", next.Name)
	}
	refusal := objectsAgainst(s, marked)
	write := store.Put(next)
	switch {
	case refusal != nil:
		back := *marked
		back.Pending = nil
		write = store.Put(&back)
	case len(next.Schema) == 0:
		write = store.Delete(next.Key())
	}
	result, err := a.store.Apply(ctx, store.Txn{Conditions: []store.Condition{store.Unchanged(marked)}, Writes: []store.Write{write}})
	if err != nil {
		return 0, err
	}
	return result.Index, refusal
}

// maxRefusals is how many objects an error names.
const maxRefusals = 10

// objectsAgainst returns an error that names the objects of a kind that do not pass its
// pending schema.
func objectsAgainst(s store.Snapshot, marked *api.KindDefinition) error {
	schema, err := kindspec.Compile(marked.Pending)
	if err != nil {
		return err
	}
	var lines []string
	against := 0
	for r := range store.List[*api.Resource](s, store.Query{Kind: api.Kind(marked.Name)}) {
		err := schema.Check(r)
		if err == nil {
			continue
		}
		if against++; against <= maxRefusals {
			lines = append(lines, objectName(r.Key())+": "+firstProblem(err))
		}
	}
	if against == 0 {
		return nil
	}
	if more := against - len(lines); more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	what := fmt.Sprintf("the schema of kind %q can't change so: %d of its objects would not pass it", marked.Name, against)
	if kindspec.SameSchema(marked.Pending, kindspec.Nothing()) {
		what = fmt.Sprintf("kind %q is in use: delete its objects first, %d in all", marked.Name, against)
		for i := range lines {
			lines[i], _, _ = strings.Cut(lines[i], ":")
		}
	}
	return wordedf(api.ErrConflict, "%s:\n  * %s", what, strings.Join(lines, "\n  * "))
}
