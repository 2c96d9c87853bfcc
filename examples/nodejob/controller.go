package nodejob

import (
	"context"
	"fmt"
	"maps"
	"reflect"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/reconcile/jobs"
	"github.com/droverhq/drover/store"
)

// Kind is the author-defined kind that the controller is for.
const Kind api.Kind = "node_job"

// Kinds are all that the controller reads: what a program of its own has to follow.
func Kinds() []api.Kind {
	return []api.Kind{Kind, api.StatusKind(Kind), api.KindNode, api.KindJob, api.KindJobVersion}
}

// Register adds the controller to a manager.
func Register(m *reconcile.Manager) error {
	return reconcile.NewController("nodejob").
		For(Kind).
		Watches(api.KindNode, everyObject, reconcile.Or(
			reconcile.Created, reconcile.Deleted,
			reconcile.Changed(func(before, after *api.Node) bool { return !maps.Equal(before.Meta, after.Meta) }),
		)).
		Watches(api.KindJob, objectsOfJob).
		Lists(api.KindJob, ownerOf). // whose object was deleted while no controller ran
		Writes(api.KindJob, reconcile.Shared).
		Writes(api.KindJobVersion, reconcile.Shared).
		Writes(api.StatusKind(Kind)).
		Complete(m, func(c reconcile.Client) reconcile.Reconciler { return &controller{c} })
}

type controller struct{ client reconcile.Client }

// Reconcile makes the copies that one object wants, and stops those that it does not.
func (c *controller) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	snap := c.client.Snapshot()
	w, txn := look(snap, req)
	todo, err := plan(w)
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("plan %s %s: %w", Kind, req, err)
	}
	if err := c.write(snap, req, todo, &txn); err != nil {
		return reconcile.Result{}, err
	}
	if _, err := c.client.Apply(ctx, txn); err != nil {
		return reconcile.Result{}, fmt.Errorf("run the jobs of %s %s: %w", Kind, req, err)
	}
	return reconcile.Result{}, nil
}

// look reads what the decision is made on, with the conditions that it still holds.
func look(snap store.Snapshot, req reconcile.Request) (world, store.Txn) {
	var w world
	var txn store.Txn
	key := api.Key{Kind: Kind, Namespace: req.Namespace, ID: req.ID}
	for j := range store.List[*api.Job](snap, store.Query{Namespace: req.Namespace, IDPrefix: req.ID + "-"}) {
		if j.Meta[metaOwner] == req.ID {
			w.copies = append(w.copies, j)
		}
	}
	var ok bool
	if w.wanted, ok = store.Get[*api.Resource](snap, key); !ok {
		txn.Conditions = append(txn.Conditions, store.Absent(key))
		return w, txn
	}
	txn.Conditions = append(txn.Conditions, store.Unchanged(w.wanted))
	name, _ := w.wanted.Spec["job"].(string)
	if w.template, ok = store.Get[*api.Job](snap, api.JobKey(req.Namespace, name)); ok {
		txn.Conditions = append(txn.Conditions, store.Unchanged(w.template))
	}
	meta, _ := w.wanted.Spec["key"].(string)
	for n := range store.List[*api.Node](snap, store.Query{}) {
		if _, has := n.Meta[meta]; has {
			w.nodes = append(w.nodes, n)
		}
	}
	return w, txn
}

// maxChanges is how many jobs one transaction registers or stops. Each of these wakes the
// controller again, for the rest.
const maxChanges = 200

// write adds to a transaction what is to be done.
func (c *controller) write(snap store.Snapshot, req reconcile.Request, todo changes, txn *store.Txn) error {
	now := c.client.Now()
	add := func(more store.Txn, err error) error {
		txn.Conditions = append(txn.Conditions, more.Conditions...)
		txn.Writes = append(txn.Writes, more.Writes...)
		return err
	}
	for _, j := range todo.register[:min(maxChanges, len(todo.register))] {
		if err := add(jobs.Register(snap, j, now)); err != nil {
			return fmt.Errorf("register job %s: %w", *j.ID, err)
		}
	}
	for _, j := range todo.stop[:min(maxChanges, len(todo.stop))] {
		if err := add(jobs.Stop(snap, req.Namespace, *j.ID, now)); err != nil {
			return fmt.Errorf("stop job %s: %w", *j.ID, err)
		}
	}
	next := &api.ResourceStatus{Kind: Kind, Namespace: req.Namespace, Name: req.ID, Status: todo.status}
	had, known := store.Get[*api.ResourceStatus](snap, next.Key())
	if todo.status == nil || known && reflect.DeepEqual(had.Status, next.Status) {
		return nil
	}
	txn.Writes = append(txn.Writes, store.Put(next))
	return nil
}

// everyObject wakes the controller for all objects of its kind.
func everyObject(snap store.Snapshot, _ store.Change) []reconcile.Request {
	var out []reconcile.Request
	for r := range store.List[*api.Resource](snap, store.Query{Kind: Kind}) {
		out = append(out, reconcile.RequestFor(r.Key()))
	}
	return out
}

// ownerOf wakes it for the object that a job was made for.
func ownerOf(_ store.Snapshot, c store.Change) []reconcile.Request {
	job, ok := c.New.(*api.Job)
	if !ok {
		job, ok = c.Old.(*api.Job)
	}
	if !ok || job.Meta[metaOwner] == "" {
		return nil
	}
	return []reconcile.Request{{Namespace: c.Key.Namespace, ID: job.Meta[metaOwner]}}
}

// objectsOfJob wakes it for the object that a job was made for, and for those that want
// copies of it.
func objectsOfJob(snap store.Snapshot, c store.Change) []reconcile.Request {
	out := ownerOf(snap, c)
	for r := range store.List[*api.Resource](snap, store.Query{Kind: Kind, Namespace: c.Key.Namespace}) {
		if r.Spec["job"] == c.Key.ID {
			out = append(out, reconcile.RequestFor(r.Key()))
		}
	}
	return out
}
