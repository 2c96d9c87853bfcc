package gc

import (
	"iter"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// age is a view of the store with a judgement of what is old.
type age struct {
	store.Snapshot
	now   time.Time
	o     Options
	crowd crowd
	force bool
}

// phases are in the order of who refers to whom: a job holds its allocations, those
// hold evaluations, deployments, versions and nodes.
var phases = []struct {
	what string
	find func(age) iter.Seq[unit]
}{
	{"jobs", jobs},
	{"allocations", allocations},
	{"evaluations", evaluations},
	{"deployments", deployments},
	{"job versions", versions},
	{"nodes", nodes},
	{"orphans", orphans},
}

// goes reports whether an ended object of a kind, last written at a time (Unix
// nanoseconds), is older than the threshold, or one too many.
func (a age) goes(kind api.Kind, written int64, threshold time.Duration) bool {
	return a.crowd.out(kind, written) || a.old(written, threshold)
}

// old reports whether what was last written at a time (Unix nanoseconds) is older than
// the threshold.
func (a age) old(written int64, threshold time.Duration) bool {
	return a.force || a.now.Sub(time.Unix(0, written)) >= threshold
}

// job returns the current version of a job, or nil.
func (a age) job(namespace, id string) *api.Job {
	j, _ := store.Get[*api.Job](a, api.JobKey(namespace, id))
	return j
}

// jobCondition is that a job is as it was read: nil means that there was none.
func jobCondition(j *api.Job, namespace, id string) store.Condition {
	if j == nil {
		return store.Absent(api.JobKey(namespace, id))
	}
	return store.Unchanged(j)
}

// status returns what the node agent says of an allocation, or nil.
func (a age) status(alloc *api.Allocation) *api.AllocationStatus {
	s, _ := store.Get[*api.AllocationStatus](a, statusKey(alloc.ID))
	return s
}

func statusKey(allocID string) api.Key { return api.Key{Kind: api.KindAllocationStatus, ID: allocID} }

// ended reports whether an allocation does not run and will not: its node agent, or
// the loss of its node, says so. One that is not wanted and of which the agent has said
// nothing may just be starting; its agent will say that it has ended.
func ended(alloc *api.Allocation, status *api.AllocationStatus) bool {
	switch state, _ := api.ClientStatus(alloc, status); state {
	case api.AllocClientComplete, api.AllocClientFailed, api.AllocClientLost:
		return true
	}
	return false
}

// unlessWritten is the condition that an object is as it was read, where nil means
// that there was none at the key.
func unlessWritten[T interface {
	api.Object
	comparable
}](o T, key api.Key) store.Condition {
	var none T
	if o == none {
		return store.Absent(key)
	}
	return store.Unchanged(o)
}
