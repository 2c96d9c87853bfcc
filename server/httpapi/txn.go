package httpapi

import (
	"fmt"
	"reflect"

	"github.com/google/uuid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/jobspec"
	"github.com/droverhq/drover/store"
)

// applyTxn is PUT /v1/txn: several writes of one mind, for controllers outside of the
// servers. Every write must be one that other routes would accept, too.
func applyTxn(c *call) error {
	var in api.TxnRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	txn, err := readTxn(in)
	if err != nil {
		return err
	}
	ctx := c.http.Context()
	if err := c.api.store.Sync(ctx); err != nil {
		return err
	}
	a := outsideTxn{s: c.api.store.Snapshot(), txn: txn}
	admitted, err := a.admit()
	if err != nil {
		return err
	}
	result, err := c.api.store.Apply(ctx, admitted)
	if err != nil {
		return err
	}
	c.indexHeader(result.Index)
	return c.answer(api.IndexResponse{Index: result.Index})
}

// readTxn decodes a transaction.
func readTxn(in api.TxnRequest) (store.Txn, error) {
	var txn store.Txn
	for _, condition := range in.Conditions {
		txn.Conditions = append(txn.Conditions, store.Condition{Key: api.Key(condition.TxnKey), ModifyIndex: condition.ModifyIndex})
	}
	for i, w := range in.Writes {
		switch {
		case (w.Put == nil) == (w.Delete == nil):
			return txn, malformed("write %d must put an object or delete one", i)
		case w.Delete != nil:
			txn.Writes = append(txn.Writes, store.Delete(api.Key(*w.Delete)))
		default:
			object, err := w.Put.Object()
			if err != nil {
				return txn, malformed("write %d: %v", i, err)
			}
			if at := nullElement(reflect.ValueOf(object), ""); at != "" {
				return txn, malformed("write %d: %s is null", i, at)
			}
			txn.Writes = append(txn.Writes, store.Put(object))
		}
	}
	return txn, nil
}

// outsideTxn is a transaction from outside of the servers, which is to be admitted.
type outsideTxn struct {
	s   store.Snapshot
	txn store.Txn
}

// admit returns the transaction with further conditions: what made its writes right must
// still hold.
func (a *outsideTxn) admit() (store.Txn, error) {
	for _, w := range a.txn.Writes {
		var more []store.Condition
		var err error
		if w.Put == nil {
			more, err = a.removal(w.Delete)
		} else {
			more, err = a.put(w.Put)
		}
		if err != nil {
			return store.Txn{}, err
		}
		a.txn.Conditions = append(a.txn.Conditions, more...)
	}
	a.txn.Conditions = a.distinct()
	return a.txn, nil
}

// distinct are the conditions without those that say the same twice. Two that differ
// stay: one of them fails.
func (a *outsideTxn) distinct() []store.Condition {
	seen := map[store.Condition]bool{}
	var out []store.Condition
	for _, c := range a.txn.Conditions {
		if !seen[c] {
			seen[c] = true
			out = append(out, c)
		}
	}
	return out
}

func notFromOutside(k api.Key, what string) error {
	return notSupported("%s %s from outside of a server", what, k)
}

func (a *outsideTxn) removal(k api.Key) ([]store.Condition, error) {
	if !api.AuthorKind(k.Kind) {
		return nil, notFromOutside(k, "deleting")
	}
	return nil, nil
}

func (a *outsideTxn) put(object api.Object) ([]store.Condition, error) {
	switch o := object.(type) {
	case *api.Resource:
		plan, err := planResource(a.s, o)
		return plan.Conditions[:min(1, len(plan.Conditions))], err
	case *api.ResourceStatus:
		if _, ok := a.s.Get(resourceKeyOf(o)); !ok {
			return nil, notFound(fmt.Sprintf("%s %q", o.Kind, objectName(o.Key())))
		}
		return nil, nil
	case *api.Job:
		return a.job(o)
	case *api.JobVersion:
		if o.Job == nil || a.written(o.Job.Key()) == nil {
			return nil, malformed("%s is written without its job", o.Key())
		}
		return []store.Condition{store.Absent(o.Key())}, nil
	case *api.Evaluation:
		return a.evaluation(o)
	}
	return nil, notFromOutside(object.Key(), "writing")
}

// written returns what the transaction puts at a key, or nil.
func (a *outsideTxn) written(k api.Key) api.Object {
	for _, w := range a.txn.Writes {
		if w.Put != nil && w.Key() == k {
			return w.Put
		}
	}
	return nil
}

// job admits a job that is canonical and valid, with the next version of it.
func (a *outsideTxn) job(j *api.Job) ([]store.Condition, error) {
	id := api.Deref(j.ID)
	canonical, err := api.Clone(j)
	if err != nil {
		return nil, err
	}
	jobspec.Canonicalize(canonical)
	if same, err := sameSpec(j, canonical); err != nil || !same {
		return nil, wordedf(errMalformed, "job %q is not in the form in which jobs are stored: make it from one that was registered", id)
	}
	if _, err := jobspec.Validate(canonical); err != nil {
		return nil, err
	}
	places, err := placeConditions(a.s, j)
	if err != nil {
		return nil, err
	}
	version, _ := a.written(api.JobVersionKey(api.Deref(j.Namespace), id, api.Deref(j.Version))).(*api.JobVersion)
	if version == nil {
		return nil, malformed("job %q is written without its version %d", id, api.Deref(j.Version))
	}
	if same, err := sameSpec(j, version.Job); err != nil || !same {
		return nil, wordedf(errMalformed, "job %q and its version %d are not the same", id, api.Deref(j.Version))
	}
	if current := get[*api.Job](a.s, j.Key()); current != nil {
		if api.Deref(j.Version) <= api.Deref(current.Version) {
			return nil, wordedf(api.ErrConflict, "job %q has version %d already", id, api.Deref(current.Version))
		}
		if err := (registration{job: j}).check(current); err != nil {
			return nil, err
		}
	}
	return places.Conditions, nil
}

// evaluation admits a new request to look at a job again.
func (a *outsideTxn) evaluation(e *api.Evaluation) ([]store.Condition, error) {
	if uuid.Validate(e.ID) != nil || e.Status != api.EvalPending || e.JobID == "" {
		return nil, malformed("evaluation %q: from outside it must be a new one, pending, of a job", e.ID)
	}
	return []store.Condition{store.Absent(e.Key())}, nil
}
