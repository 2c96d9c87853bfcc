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
