package httpapi

import (
	"errors"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// deregisterJob is DELETE /v1/job/ID. That there is no such job is not an error.
func deregisterJob(c *call) error {
	purge, err := c.flag("purge")
	if err != nil {
		return err
	}
	priority, err := c.evalPriority()
	if err != nil {
		return err
	}
	plan := planStop
	if purge {
		plan = planPurge
	}
	namespace, id := c.jobOf()
	var did registered
	index, err := c.api.change(c.http.Context(), func(s store.Snapshot) (txn store.Txn, err error) {
		txn, did, err = plan(s, namespace, id, priority, c.api.now())
		return txn, err
	})
	if errors.Is(err, errUnknownJob) {
		c.indexHeader(0)
		return c.answer(api.JobDeregisterResponse{})
	}
	if err != nil {
		return err
	}
	out := api.JobDeregisterResponse{JobModifyIndex: index, Index: index}
	out.EvalID, out.EvalCreateIndex = did.asked(index)
	if did.unchangedAt != 0 {
		out.JobModifyIndex = did.unchangedAt
	}
	c.indexHeader(index)
	return c.answer(out)
}

// evalPriority reads ?eval_priority: 0 if it is not given.
func (c *call) evalPriority() (int, error) {
	n, err := c.number("eval_priority")
	if err != nil {
		return 0, err
	}
	if n > api.MaxJobPriority || (n == 0 && c.query.Has("eval_priority")) {
		return 0, malformed("eval_priority must be between 1 and %d", api.MaxJobPriority)
	}
	return int(n), nil
}

// evaluateJob is PUT /v1/job/ID/evaluate: look at the job again.
func evaluateJob(c *call) error {
	var in struct {
		EvalOptions struct{ ForceReschedule bool }
	}
	if err := c.decode(&in); err != nil {
		return err
	}
	if in.EvalOptions.ForceReschedule {
		return notSupported("forced rescheduling; stop the failed allocations instead")
	}
	namespace, id := c.jobOf()
	var eval *api.Evaluation
	var written uint64
	index, err := c.api.change(c.http.Context(), func(s store.Snapshot) (store.Txn, error) {
		j := get[*api.Job](s, api.JobKey(namespace, id))
		switch {
		case j == nil:
			return store.Txn{}, errNoJob()
		case j.IsTemplate():
			return store.Txn{}, malformed("job %q only launches other jobs: there is nothing to evaluate", id)
		}
		written = api.Deref(j.JobModifyIndex)
		eval = evaluationOf(j, api.TriggerJobRegister, 0, c.api.now())
		eval.JobModifyIndex = written
		return store.Txn{Conditions: []store.Condition{store.Unchanged(j)}, Writes: []store.Write{store.Put(eval)}}, nil
	})
	if err != nil {
		return err
	}
	c.indexHeader(index)
	return c.answer(api.JobRegisterResponse{EvalID: eval.ID, EvalCreateIndex: index, JobModifyIndex: written, Index: index})
}
