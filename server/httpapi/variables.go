package httpapi

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/server/watch"
	"github.com/droverhq/drover/server/workload"
	"github.com/droverhq/drover/store"
)

// variableRoutes are those of variables and of the keys that they are sealed with.
func variableRoutes() []route {
	return []route{
		{pattern: "vars", get: query(kinds(api.KindVariable), listVariables)},
		{pattern: "var/{path...}", get: query(theVariable, readVariable), put: putVariable, del: deleteVariable},
		{pattern: "operator/keyring/keys", get: query(kinds(api.KindRootKey), listKeys)},
		{pattern: "operator/keyring/rotate", put: rotateKey},
		{pattern: "operator/keyring/key/{id}", del: removeKey},
	}
}

// theVariable is the variable in the path, and what decides whether it can be read.
func theVariable(_ store.Snapshot, c *call) []watch.Topic {
	return []watch.Topic{watch.Object(c.variableKey())}
}

func (c *call) variableKey() api.Key { return api.VariableKey(c.namespace(), c.path["path"]) }

// listVariables is GET /v1/vars: what there is, without what is in it. On behalf of a task
// it is what that may read.
func listVariables(s store.Snapshot, c *call) (any, error) {
	q := store.Query{Namespace: c.namespaces(), IDPrefix: c.query.Get("prefix")}
	of, restricted := workload.From(c.http.Context())
	return listing[*api.VariableMetadata]{
		items: func(yield func(*api.VariableMetadata) bool) {
			for v := range store.List[*api.SealedVariable](s, q) {
				if (!restricted || of.Reads(v.Namespace, v.Path)) && !yield(v.Metadata()) {
					return
				}
			}
		},
		key:  func(v *api.VariableMetadata) string { return v.Namespace + "/" + v.Path },
		view: func(v *api.VariableMetadata) any { return v },
	}.answer(c)
}

// readVariable is GET /v1/var/PATH.
func readVariable(s store.Snapshot, c *call) (any, error) {
	sealed := get[*api.SealedVariable](s, c.variableKey())
	if sealed == nil {
		return nil, notFound("variable")
	}
	return c.api.keyring.Open(s, sealed)
}

// variableConflict says that a variable is not what a write with ?cas= took it for.
type variableConflict struct {
	is *api.Variable // as it is; with an index of 0 if it is not there
}

func (e *variableConflict) Error() string {
	return fmt.Sprintf("variable %q was written at index %d", e.is.Path, e.is.ModifyIndex)
}

func (e *variableConflict) Unwrap() error { return api.ErrConflict }

// answerConflict answers a write that came too late with the variable as it is. Other
// errors it returns.
func (c *call) answerConflict(err error) error {
	var conflict *variableConflict
	if !errors.As(err, &conflict) {
		return err
	}
	body, err := encodeJSON(conflict.is, false)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	c.indexHeader(conflict.is.ModifyIndex)
	c.w.Header().Set("Content-Type", "text/plain; charset=utf-8") // as clients know it
	c.w.WriteHeader(http.StatusConflict)
	_, err = c.w.Write(body)
	return err
}

// locks are the parameters of what is not there.
var locks = []string{"lock-acquire", "lock-renew", "lock-release"}

// noLock refuses writes that are about a lock.
func (c *call) noLock() error {
	if slices.ContainsFunc(locks, c.query.Has) {
		return notSupported("%s", lockingVariables)
	}
	return nil
}

// putVariable is PUT /v1/var/PATH.
func putVariable(c *call) error {
	var in struct {
		api.Variable
		Lock *struct{}
	}
	if err := c.noLock(); err != nil {
		return err
	}
	cas, err := c.cas()
	if err != nil {
		return err
	}
	if err := c.decode(&in); err != nil {
		return err
	}
	if in.Lock != nil {
		return notSupported("%s", lockingVariables)
	}
	next := in.Variable
	next.Path, next.Namespace = c.path["path"], cmp.Or(c.query.Get("namespace"), next.Namespace, api.DefaultNamespace)
	if err := next.Check(); err != nil {
		return err
	}
	next.ModifyTime = c.api.now().UnixNano()
	index, err := c.api.change(c.http.Context(), func(s store.Snapshot) (store.Txn, error) {
		return c.api.planVariable(s, &next, cas)
	})
	if err != nil {
		return c.answerConflict(err)
	}
	next.ModifyIndex = index
	if next.CreateIndex == 0 {
		next.CreateIndex = index
	}
	c.indexHeader(index)
	return c.answer(&next)
}

// planVariable returns the transaction that writes a variable. What its predecessor, if any,
// says of when it was made becomes the variable's.
func (a *API) planVariable(s store.Snapshot, next *api.Variable, cas *uint64) (store.Txn, error) {
	namespace := get[*api.Namespace](s, api.Key{Kind: api.KindNamespace, ID: next.Namespace})
	if namespace == nil || namespace.Deleting {
		return store.Txn{}, malformed("variable %q: namespace %q does not exist", next.Path, next.Namespace)
	}
	key := api.VariableKey(next.Namespace, next.Path)
	had := get[*api.SealedVariable](s, key)
	if err := a.checkVariable(s, key, had, cas); err != nil {
		return store.Txn{}, err
	}
	next.CreateIndex, next.CreateTime = 0, next.ModifyTime
	if had != nil {
		next.CreateIndex, next.CreateTime = had.CreateIndex, had.CreateTime
	}
	sealed, err := a.keyring.Seal(s, next)
	if err != nil {
		return store.Txn{}, err
	}
	return store.Txn{
		// The key must still be the active one: what is sealed with others may be
		// looked for, and the key removed, in this moment.
		Conditions: []store.Condition{
			store.Unchanged(namespace), unchanged(s, key), unchanged(s, api.RootKeyKey(sealed.KeyID)),
		},
		Writes: []store.Write{store.Put(sealed)},
	}, nil
}

// checkVariable compares a variable with the index that a write of it names. Errors: a
// *variableConflict.
func (a *API) checkVariable(s store.Snapshot, key api.Key, had *api.SealedVariable, cas *uint64) error {
	if cas == nil {
		return nil
	}
	if had == nil {
		if *cas == 0 {
			return nil
		}
		return &variableConflict{&api.Variable{Namespace: key.Namespace, Path: key.ID}}
	}
	if had.ModifyIndex == *cas {
		return nil
	}
	is, err := a.keyring.Open(s, had)
	if err != nil {
		return err
	}
	return &variableConflict{is}
}

// deleteVariable is DELETE /v1/var/PATH. What is not there is deleted already.
func deleteVariable(c *call) error {
	if err := c.noLock(); err != nil {
		return err
	}
	cas, err := c.cas()
	if err != nil {
		return err
	}
	key := c.variableKey()
	index, err := c.api.change(c.http.Context(), func(s store.Snapshot) (store.Txn, error) {
		had := get[*api.SealedVariable](s, key)
		if err := c.api.checkVariable(s, key, had, cas); err != nil {
			return store.Txn{}, err
		}
		if had == nil {
			return store.Txn{Conditions: []store.Condition{store.Absent(key)}}, nil
		}
		return store.Txn{Conditions: []store.Condition{store.Unchanged(had)}, Writes: []store.Write{store.Delete(key)}}, nil
	})
	if err != nil {
		return c.answerConflict(err)
	}
	c.indexHeader(index)
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// noVariable returns an error that names a variable which is in a namespace.
func noVariable(s store.Snapshot, namespace string) error {
	for v := range store.List[*api.SealedVariable](s, store.Query{Namespace: namespace}) {
		return malformed("namespace %q has variables, such as %q: purge them first", namespace, v.Path)
	}
	return nil
}
