package httpapi

import (
	"context"
	"fmt"
	"reflect"
	"slices"

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
	admitted, err := newOutsideTxn(c.api.store.Snapshot(), txn).admit(ctx)
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

// What a transaction from outside may have: each write is looked at, which takes time,
// and all are made at once, which keeps others waiting.
const (
	maxOutsideWrites     = 1000
	maxOutsideConditions = 10_000
)

// readTxn decodes a transaction.
func readTxn(in api.TxnRequest) (store.Txn, error) {
	var txn store.Txn
	if len(in.Writes) > maxOutsideWrites || len(in.Conditions) > maxOutsideConditions {
		return txn, wordedf(api.ErrTooLarge, "the transaction has %d writes and %d conditions; it may have %d and %d: make several",
			len(in.Writes), len(in.Conditions), maxOutsideWrites, maxOutsideConditions)
	}
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
	s       store.Snapshot
	txn     store.Txn
	puts    map[api.Key]api.Object // what the transaction puts
	deletes map[api.Key]bool       // what it deletes
}

func newOutsideTxn(s store.Snapshot, txn store.Txn) *outsideTxn {
	a := &outsideTxn{s: s, txn: txn, puts: make(map[api.Key]api.Object), deletes: make(map[api.Key]bool)}
	for _, w := range txn.Writes {
		if w.Put != nil {
			a.puts[w.Key()] = w.Put
		} else {
			a.deletes[w.Delete] = true
		}
	}
	return a
}

// writes reports whether the transaction puts or deletes something at a key.
func (a *outsideTxn) writes(k api.Key) bool { return a.puts[k] != nil || a.deletes[k] }

// admit returns the transaction with further conditions: what made its writes right must
// still hold.
func (a *outsideTxn) admit(ctx context.Context) (store.Txn, error) {
	for _, w := range slices.Clone(a.txn.Writes) {
		if err := ctx.Err(); err != nil {
			return store.Txn{}, err
		}
		var more []store.Condition
		var err error
		if w.Put == nil {
			err = a.removal(w.Delete)
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

// removal admits that an object of an author-defined kind, or its status, goes. The
// status goes with the object.
func (a *outsideTxn) removal(k api.Key) error {
	if !api.AuthorKind(k.Kind) {
		return notFromOutside(k, "deleting")
	}
	if status := statusKey(k); api.AuthorKind(status.Kind) && !a.writes(status) {
		a.txn.Writes = append(a.txn.Writes, store.Delete(status))
	}
	return nil
}

func (a *outsideTxn) put(object api.Object) ([]store.Condition, error) {
	switch o := object.(type) {
	case *api.Resource:
		plan, err := planResource(a.s, o)
		return plan.Conditions, err
	case *api.ResourceStatus:
		return a.status(o)
	case *api.Job:
		return a.job(o)
	case *api.JobVersion:
		if !a.isOfWrittenJob(o) {
			return nil, malformed("%s is written without its job", o.Key())
		}
		return []store.Condition{store.Absent(o.Key())}, nil
	case *api.Evaluation:
		return a.evaluation(o)
	}
	return nil, notFromOutside(object.Key(), "writing")
}

// written returns what the transaction puts at a key, or nil.
func (a *outsideTxn) written(k api.Key) api.Object { return a.puts[k] }

// isOfWrittenJob reports whether a version is that of a job as the transaction has it.
func (a *outsideTxn) isOfWrittenJob(v *api.JobVersion) bool {
	if v.Job == nil {
		return false
	}
	job, ok := a.written(v.Job.Key()).(*api.Job)
	return ok && api.Deref(job.Version) == api.Deref(v.Job.Version)
}

// status admits the status of an object that is there, and stays.
func (a *outsideTxn) status(o *api.ResourceStatus) ([]store.Condition, error) {
	key := resourceKeyOf(o)
	if a.written(key) != nil {
		return nil, nil
	}
	of, ok := a.s.Get(key)
	if !ok || a.deletes[key] {
		return nil, notFound(fmt.Sprintf("%s %q", o.Kind, objectName(o.Key())))
	}
	return []store.Condition{store.Unchanged(of)}, nil
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
	taken, err := takesJobs(a.s)
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
	current := get[*api.Job](a.s, j.Key())
	if next := nextVersion(a.s, api.Deref(j.Namespace), id, current); api.Deref(j.Version) != next {
		return nil, wordedf(api.ErrConflict, "job %q is written as its version %d, but the next is %d", id, api.Deref(j.Version), next)
	}
	if err := (registration{job: j}).check(current); err != nil {
		return nil, err
	}
	depends, err := dependsConditions(a.jobAt, j)
	if err != nil {
		return nil, err
	}
	return append(append(places.Conditions, taken), depends...), nil
}

// jobAt returns a job as it is after the transaction, and the condition that makes it so.
func (a *outsideTxn) jobAt(k api.Key) (*api.Job, store.Condition) {
	if j, ok := a.written(k).(*api.Job); ok {
		return j, unchanged(a.s, k)
	}
	return storedJob(a.s)(k)
}

// evaluation admits a new request to look at a job again.
func (a *outsideTxn) evaluation(e *api.Evaluation) ([]store.Condition, error) {
	if uuid.Validate(e.ID) != nil || e.Status != api.EvalPending || e.JobID == "" {
		return nil, malformed("evaluation %q: from outside it must be a new one, pending, of a job", e.ID)
	}
	return []store.Condition{store.Absent(e.Key())}, nil
}
