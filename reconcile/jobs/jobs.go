// Package jobs makes the transactions by which controllers run jobs of their own.
//
// A job is two objects: the Job, and the JobVersion that allocations refer to. Both are
// written together, under the condition that nobody else has changed the job since. The
// job controller does the rest.
//
// A job must be in the form in which the HTTP API stores jobs, which fills in what a
// jobspec leaves out: make it from one that was registered there.
//
// The writer declares both kinds:
//
//	reconcile.NewController("…").
//		Writes(api.KindJob, reconcile.Shared).
//		Writes(api.KindJobVersion, reconcile.Shared)
package jobs

import (
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// Register returns the transaction that makes a job run, as the next version of it. now
// is its time of submission. The snapshot must have the kinds Job and JobVersion.
func Register(snap store.Snapshot, job *api.Job, now time.Time) (store.Txn, error) {
	next, err := api.Clone(job)
	if err != nil {
		return store.Txn{}, err
	}
	next.Stop = new(false)
	return write(snap, next, now), nil
}

// Stop returns the transaction that stops a job, as the next version of it; one without
// writes if it is stopped already, or not there.
func Stop(snap store.Snapshot, namespace, id string, now time.Time) (store.Txn, error) {
	job, ok := store.Get[*api.Job](snap, api.JobKey(namespace, id))
	if !ok || job.Stopped() {
		return store.Txn{}, nil
	}
	next, err := api.Clone(job)
	if err != nil {
		return store.Txn{}, err
	}
	next.Stop = new(true)
	return write(snap, next, now), nil
}

// write returns the transaction that writes a job and its version.
func write(snap store.Snapshot, next *api.Job, now time.Time) store.Txn {
	namespace, id := api.Deref(next.Namespace), api.Deref(next.ID)
	condition := store.Absent(next.Key())
	version := uint64(0)
	if current, ok := store.Get[*api.Job](snap, next.Key()); ok {
		condition = store.Unchanged(current)
		version = api.Deref(current.Version) + 1
	}
	// A job of the same ID that was purged may have left versions.
	for v := range store.List[*api.JobVersion](snap, store.Query{Index: store.ByJob, Value: store.JobValue(namespace, id)}) {
		version = max(version, api.Deref(v.Job.Version)+1)
	}
	next.Version, next.SubmitTime = &version, new(now.UnixNano())
	record := &api.JobVersion{Job: next}
	return store.Txn{
		Conditions: []store.Condition{condition, store.Absent(record.Key())},
		Writes:     []store.Write{store.Put(next), store.Put(record)},
	}
}
