package httpapi

import (
	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// maxForced is how many allocations one transaction asks to be replaced, so that a job
// with very many does not keep others waiting.
const maxForced = 1000

// evaluateJob is PUT /v1/job/ID/evaluate: look at the job again. With
// EvalOptions.ForceReschedule, instances that failed are replaced now, whatever their
// reschedule policy says.
func evaluateJob(c *call) error {
	var in api.JobEvaluateRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	namespace, id := c.jobOf()
	for {
		var eval *api.Evaluation
		var written uint64
		index, err := c.api.change(c.http.Context(), func(s store.Snapshot) (store.Txn, error) {
			eval = nil
			j := get[*api.Job](s, api.JobKey(namespace, id))
			switch {
			case j == nil:
				return store.Txn{}, errNoJob()
			case j.IsTemplate():
				return store.Txn{}, malformed("job %q only launches other jobs: there is nothing to evaluate", id)
			}
			txn := store.Txn{Conditions: []store.Condition{store.Unchanged(j)}}
			if in.EvalOptions.ForceReschedule && !forceReschedule(s, j, c.api.now().UnixNano(), &txn) {
				return txn, nil // there are more
			}
			written = api.Deref(j.JobModifyIndex)
			eval = evaluationOf(j, api.TriggerJobRegister, 0, c.api.now())
			eval.JobModifyIndex = written
			txn.Writes = append(txn.Writes, store.Put(eval))
			return txn, nil
		})
		if err != nil {
			return err
		}
		if eval != nil {
			c.indexHeader(index)
			return c.answer(api.JobRegisterResponse{EvalID: eval.ID, EvalCreateIndex: index, JobModifyIndex: written, Index: index})
		}
	}
}

// forceReschedule asks for the replacement of the instances of a job that failed and
// have not been replaced, some at a time. It reports whether these were all.
func forceReschedule(s store.Snapshot, j *api.Job, now int64, txn *store.Txn) bool {
	ofJob := store.Query{Index: store.ByJob, Value: store.JobValue(api.Deref(j.Namespace), api.Deref(j.ID))}
	for a := range store.List[*api.Allocation](s, ofJob) {
		status := get[*api.AllocationStatus](s, api.Key{Kind: api.KindAllocationStatus, ID: a.ID})
		if status == nil || status.ClientStatus != api.AllocClientFailed || !a.WantsRun() || a.NextAllocation != "" ||
			api.Deref(a.DesiredTransition.ForceReschedule) {
			continue
		}
		if len(txn.Writes) == maxForced {
			return false
		}
		forced := *a
		forced.DesiredTransition.ForceReschedule = new(true)
		forced.ModifyTime = now
		txn.Conditions = append(txn.Conditions, store.Unchanged(a))
		txn.Writes = append(txn.Writes, store.Put(&forced))
	}
	return true
}
