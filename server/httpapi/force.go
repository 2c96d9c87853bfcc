package httpapi

import (
	"time"

	"github.com/google/uuid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/periodic"
	"github.com/droverhq/drover/store"
)

// forcePeriodic is PUT /v1/job/ID/periodic/force: launch a periodic job now, whatever
// its crons say, also if its launches are disabled or another child runs. Its next
// launch stays where it is.
func forcePeriodic(c *call) error {
	namespace, id := c.jobOf()
	evalID := uuid.NewString()
	index, err := c.api.change(c.http.Context(), func(s store.Snapshot) (store.Txn, error) {
		return planForce(s, namespace, id, evalID, c.api.now())
	})
	if err != nil {
		return err
	}
	c.indexHeader(index)
	return c.answer(api.PeriodicForceResponse{EvalID: evalID, EvalCreateIndex: index, Index: index})
}

// planForce returns the transaction that launches a periodic job. It writes the record
// of its launches too, so that one which is made by the clock at this moment is decided
// on again, with the child in sight.
func planForce(s store.Snapshot, namespace, id, evalID string, now time.Time) (store.Txn, error) {
	job := get[*api.Job](s, api.JobKey(namespace, id))
	switch {
	case job == nil:
		return store.Txn{}, errNoJob()
	case job.Periodic == nil:
		return store.Txn{}, malformed("Only periodic jobs can be forced to run; %q is none", id)
	case job.IsDispatchable():
		return store.Txn{}, malformed("job %q is parameterized: dispatch it, and force what was dispatched", id)
	case job.Stopped():
		return store.Txn{}, malformed("job %q is stopped; run it again to force a launch", id)
	}
	_, txn, err := periodic.Child(job, freeSecond(s, job, now), now, evalID)
	if err != nil {
		return store.Txn{}, err
	}
	key := api.PeriodicLaunchKey(namespace, id)
	record := get[*api.PeriodicLaunch](s, key)
	if record == nil {
		txn.Conditions = append(txn.Conditions, store.Absent(key))
		return txn, nil
	}
	forced := *record
	forced.Launched = now.UnixNano()
	txn.Conditions = append(txn.Conditions, store.Unchanged(record))
	txn.Writes = append(txn.Writes, store.Put(&forced))
	return txn, nil
}

// freeSecond returns the latest second that no child of a job is named after, up to now.
// It goes back, not forth: what the crons say of the seconds to come is left to them.
func freeSecond(s store.Snapshot, job *api.Job, now time.Time) time.Time {
	for {
		child := api.PeriodicChildID(api.Deref(job.ID), now)
		if get[*api.Job](s, api.JobKey(api.Deref(job.Namespace), child)) == nil {
			return now
		}
		now = now.Add(-time.Second)
	}
}
