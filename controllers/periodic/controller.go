package periodic

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
)

// Options tune the controller.
type Options struct {
	// NewID makes the IDs of evaluations. It is called concurrently. Default: random
	// UUIDs.
	NewID func() string
}

// concurrency is how many jobs are launched at once: at midnight there are many.
const concurrency = 8

// Register adds the controller to a manager.
func Register(m *reconcile.Manager, o Options) error {
	if o.NewID == nil {
		o.NewID = uuid.NewString
	}
	return reconcile.NewController("periodic").
		For(api.KindJob, isPeriodic).
		Writes(api.KindPeriodicLaunch).
		Writes(api.KindJob, reconcile.Shared).
		Writes(api.KindJobVersion, reconcile.Shared).
		Writes(api.KindEvaluation, reconcile.Shared).
		WithOptions(reconcile.ControllerOptions{Concurrency: concurrency}).
		Complete(m, func(c reconcile.Client) reconcile.Reconciler { return &controller{c, o} })
}

// isPeriodic passes jobs that have a periodic block.
func isPeriodic(c store.Change) bool {
	job, ok := c.New.(*api.Job)
	return ok && job.Periodic != nil
}

type controller struct {
	client  reconcile.Client
	options Options
}

// Reconcile launches the child of a job that is due, if one is.
func (c *controller) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	snap, now := c.client.Snapshot(), c.client.Now()
	job, ok := store.Get[*api.Job](snap, api.JobKey(req.Namespace, req.ID))
	if !ok || job.Periodic == nil {
		return reconcile.Result{}, nil
	}
	record, _ := store.Get[*api.PeriodicLaunch](snap, api.PeriodicLaunchKey(req.Namespace, req.ID))
	p, err := decide(job, record, now)
	if err != nil {
		return reconcile.Result{}, reconcile.Terminal(fmt.Errorf("read the schedule: %w", err))
	}
	if p.record == nil {
		return reconcile.Result{RequeueAfter: p.again}, nil
	}
	txn, err := c.write(snap, job, record, p, now)
	if err != nil {
		return reconcile.Result{}, err
	}
	if _, err := c.client.Apply(ctx, txn); err != nil {
		return reconcile.Result{}, fmt.Errorf("write the launch: %w", err)
	}
	return reconcile.Result{RequeueAfter: p.again}, nil
}

// write returns the transaction of a plan: what is launched, or why it is not, and the
// record of it.
func (c *controller) write(snap store.Snapshot, job *api.Job, before *api.PeriodicLaunch, p plan, now time.Time) (store.Txn, error) {
	known := store.Absent(p.record.Key())
	if before != nil {
		known = store.Unchanged(before)
	}
	txn := store.Txn{Conditions: []store.Condition{store.Unchanged(job)}}
	if !p.due.IsZero() {
		launched, err := c.launch(snap, job, before, p, now)
		if err != nil {
			return store.Txn{}, err
		}
		if launched.Conditions != nil {
			txn.Conditions = launched.Conditions
		}
		txn.Writes = launched.Writes
	}
	txn.Conditions = append(txn.Conditions, known)
	txn.Writes = append(txn.Writes, store.Put(p.record))
	return txn, nil
}

// launch makes the child that is due, unless it is there (the clock was put back, or a
// user made it) or another one is in its way.
func (c *controller) launch(snap store.Snapshot, job *api.Job, before *api.PeriodicLaunch, p plan, now time.Time) (store.Txn, error) {
	p.record.PassedOver = ""
	if _, there := snap.Get(api.JobKey(p.record.Namespace, api.PeriodicChildID(p.record.JobID, p.due))); there {
		return store.Txn{}, nil
	}
	if api.Deref(job.Periodic.ProhibitOverlap) {
		if p.record.PassedOver = running(snap, job, before); p.record.PassedOver != "" {
			return c.passOver(job, before, p, now), nil
		}
	}
	p.record.Launched = now.UnixNano()
	_, txn, err := Child(job, p.due, now, c.options.NewID())
	return txn, err
}

// passOver explains why a launch is not made, the first time that a child is in the way.
func (c *controller) passOver(job *api.Job, before *api.PeriodicLaunch, p plan, now time.Time) store.Txn {
	if before != nil && before.PassedOver == p.record.PassedOver {
		return store.Txn{}
	}
	return store.Txn{Writes: []store.Write{store.Put(&api.Evaluation{
		ID:          c.options.NewID(),
		Namespace:   p.record.Namespace,
		JobID:       p.record.JobID,
		Type:        api.Deref(job.Type),
		Priority:    api.Deref(job.Priority),
		TriggeredBy: api.TriggerPeriodicJob,
		Status:      api.EvalComplete,
		StatusDescription: fmt.Sprintf("the launch of %s was passed over: %s has not ended, and overlap is prohibited",
			p.due.Format(time.RFC3339), p.record.PassedOver),
		JobModifyIndex: api.Deref(job.JobModifyIndex),
		CreateTime:     now.UnixNano(),
		ModifyTime:     now.UnixNano(),
	})}}
}
