package gc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
)

// keptDelay is how soon a job is looked at again that should be gone, but is needed.
const keptDelay = 10 * time.Second

// registerExpiry adds the controller that removes batch jobs when their time after the
// end (ttl_after_finished) has passed. It is apart from the passes over everything, as
// it keeps to the moment and looks at one job.
func registerExpiry(m *reconcile.Manager) error {
	b := reconcile.NewController("expiry").For(api.KindJobStatus, hasEnded)
	for _, kind := range []api.Kind{
		api.KindJob, api.KindJobStatus, api.KindJobAdmission, api.KindJobVersion, api.KindJobSubmission,
		api.KindAllocation, api.KindAllocationStatus, api.KindEvaluation, api.KindDeployment,
		api.KindScalingEvents, api.KindPeriodicLaunch, api.KindHostVolumeClaim,
	} {
		b.Writes(kind, reconcile.Removes)
	}
	return b.Complete(m, func(c reconcile.Client) reconcile.Reconciler { return &expiry{c} })
}

func hasEnded(c store.Change) bool {
	s, ok := c.New.(*api.JobStatus)
	return ok && s.EndedAt != 0
}

type expiry struct{ client reconcile.Client }

// Reconcile removes one job if its time has come, with all that belongs to it.
func (e *expiry) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	a := age{Snapshot: e.client.Snapshot(), now: e.client.Now()}
	job, status := a.job(req.Namespace, req.ID), jobStatus(a, req.Namespace, req.ID)
	left, finite := expires(job, status, a.now)
	switch {
	case !finite:
		return reconcile.Result{}, nil
	case left > 0:
		return reconcile.Result{RequeueAfter: left}, nil
	case a.unfinished(job) || a.awaitedJobs()[job.Key()]:
		return reconcile.Result{RequeueAfter: keptDelay}, nil
	}
	return reconcile.Result{}, e.remove(ctx, job, status, a.belongings(job))
}

// remove deletes a job and what belongs to it. The job goes first, so that nobody sees
// it without its instances and runs them again; if that breaks off, the rest is garbage
// like any other.
func (e *expiry) remove(ctx context.Context, job *api.Job, status *api.JobStatus, belongings []api.Key) error {
	conditions := []store.Condition{store.Unchanged(job), store.Unchanged(status)}
	keys := append([]api.Key{job.Key(), status.Key()}, belongings...)
	for len(keys) > 0 {
		part := keys[:min(len(keys), txnLimit)]
		keys = keys[len(part):]
		txn := store.Txn{Conditions: conditions}
		for _, key := range part {
			txn.Writes = append(txn.Writes, store.Delete(key))
		}
		if _, err := e.client.Apply(ctx, txn); err != nil {
			if len(conditions) == 1 && errors.Is(err, api.ErrConflict) {
				return nil // it was registered again
			}
			return fmt.Errorf("remove job %s, whose time after the end has passed: %w", api.Deref(job.ID), err)
		}
		conditions = []store.Condition{store.Absent(job.Key())}
	}
	return nil
}

// expires returns how long a job stays; finite says whether it goes at all by itself.
func expires(job *api.Job, status *api.JobStatus, now time.Time) (left time.Duration, finite bool) {
	if job == nil || job.TTLAfterFinished == nil || !mayGo(job) || !status.Ended(api.Deref(job.Version)) {
		return 0, false
	}
	return max(0, time.Unix(0, status.EndedAt).Add(*job.TTLAfterFinished).Sub(now)), true
}

// unfinished reports whether something of a dead job is under way, or kept by a user.
func (a age) unfinished(job *api.Job) bool {
	a.force = true // however new
	return a.inUse(job, jobStatus(a, api.Deref(job.Namespace), api.Deref(job.ID)))
}

// awaitedJobs returns the jobs that others which have not begun depend on: how they
// ended is still asked for. A job that launches others asks for each of them.
func (a age) awaitedJobs() map[api.Key]bool {
	out := make(map[api.Key]bool)
	for job := range store.List[*api.Job](a, store.Query{}) {
		if len(job.DependsOn) == 0 || job.Stopped() {
			continue
		}
		key := api.JobAdmissionKey(api.Deref(job.Namespace), api.Deref(job.ID))
		if admission, _ := store.Get[*api.JobAdmission](a, key); admission.Of(job) && admission.Admitted {
			continue
		}
		for _, d := range job.DependsOn {
			out[d.Key(job)] = true
		}
	}
	return out
}

// belongings lists what there is of a job besides itself and its status.
func (a age) belongings(job *api.Job) []api.Key {
	namespace, id := api.Deref(job.Namespace), api.Deref(job.ID)
	keys := []api.Key{
		api.JobAdmissionKey(namespace, id), api.ScalingEventsKey(namespace, id), api.PeriodicLaunchKey(namespace, id),
	}
	for _, kind := range []api.Kind{
		api.KindAllocation, api.KindAllocationStatus, api.KindEvaluation, api.KindDeployment, api.KindJobVersion, api.KindHostVolumeClaim,
	} {
		ofJob := store.Query{Kind: kind, Index: store.ByJob, Value: store.JobValue(namespace, id)}
		for o := range a.Scan(ofJob) {
			keys = append(keys, o.Key())
			if kind == api.KindJobVersion {
				submission := o.Key()
				submission.Kind = api.KindJobSubmission
				keys = append(keys, submission)
			}
		}
	}
	return keys
}

func jobStatus(s store.Snapshot, namespace, id string) *api.JobStatus {
	status, _ := store.Get[*api.JobStatus](s, api.JobStatusKey(namespace, id))
	return status
}
