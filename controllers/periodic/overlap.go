package periodic

import (
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// running returns a child of a job that has not ended, or "". record is what was
// launched last: its child counts even if it was purged.
func running(snap store.Snapshot, job *api.Job, record *api.PeriodicLaunch) string {
	namespace, id := api.Deref(job.Namespace), api.Deref(job.ID)
	children := store.Query{Index: store.ByParent, Value: store.JobValue(namespace, id)}
	for child := range store.List[*api.Job](snap, children) {
		if underWay(snap, child) || lives(snap, namespace, api.Deref(child.ID)) {
			return api.Deref(child.ID)
		}
	}
	if last := lastChild(id, record); last != "" && lives(snap, namespace, last) {
		return last
	}
	return ""
}

// lastChild returns the child that was launched last, or that was in the way since.
func lastChild(jobID string, record *api.PeriodicLaunch) string {
	switch {
	case record == nil || record.Launched == 0:
		return ""
	case record.PassedOver != "":
		return record.PassedOver
	}
	return api.PeriodicChildID(jobID, time.Unix(0, record.Due))
}

// underWay reports whether a child runs, or waits for something to run.
func underWay(snap store.Snapshot, child *api.Job) bool {
	if child.Stopped() {
		return false
	}
	status, ok := store.Get[*api.JobStatus](snap, api.JobStatusKey(api.Deref(child.Namespace), api.Deref(child.ID)))
	return !ok || status.Status != api.JobStatusDead
}

// lives reports whether some instance of a job has not ended, as far as is known.
func lives(snap store.Snapshot, namespace, jobID string) bool {
	ofJob := store.Query{Index: store.ByJob, Value: store.JobValue(namespace, jobID)}
	for a := range store.List[*api.Allocation](snap, ofJob) {
		status, _ := store.Get[*api.AllocationStatus](snap, api.Key{Kind: api.KindAllocationStatus, ID: a.ID})
		switch client, _ := api.ClientStatus(a, status); client {
		case api.AllocClientComplete, api.AllocClientFailed, api.AllocClientLost:
		default:
			return true
		}
	}
	return false
}
