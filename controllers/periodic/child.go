package periodic

import (
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// Child returns the transaction that makes a child of a periodic job, with the
// evaluation by which it is taken up. It holds only if the job is as it was read and the
// child is not there yet. due is what the child is named after.
func Child(parent *api.Job, due, now time.Time, evalID string) (*api.Job, store.Txn, error) {
	child, err := api.Clone(parent)
	if err != nil {
		return nil, store.Txn{}, err
	}
	id := api.PeriodicChildID(api.Deref(parent.ID), due)
	child.ID, child.Name, child.ParentID = new(id), new(id), parent.ID
	child.Periodic = nil
	child.DispatchIdempotencyToken = new("") // it names the parent alone
	child.Version, child.VersionTag = new(uint64(0)), nil
	child.SubmitTime, child.Stop = new(now.UnixNano()), new(false)
	child.SetIndexes(0, 0)
	eval := &api.Evaluation{
		ID:          evalID,
		Namespace:   api.Deref(child.Namespace),
		JobID:       id,
		Type:        api.Deref(child.Type),
		Priority:    api.Deref(child.Priority),
		TriggeredBy: api.TriggerPeriodicJob,
		Status:      api.EvalPending,
		CreateTime:  now.UnixNano(),
		ModifyTime:  now.UnixNano(),
	}
	return child, store.Txn{
		Conditions: []store.Condition{store.Unchanged(parent), store.Absent(child.Key())},
		Writes:     []store.Write{store.Put(child), store.Put(&api.JobVersion{Job: child}), store.Put(eval)},
	}, nil
}
