package httpapi

import (
	"iter"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// listEvaluations is GET /v1/evaluations, oldest first.
func listEvaluations(s store.Snapshot, c *call) (any, error) {
	return evaluationListing(evaluations(s, c)).answer(c)
}

// countEvaluations is GET /v1/evaluations/count.
func countEvaluations(s store.Snapshot, c *call) (any, error) {
	list := evaluationListing(evaluations(s, c))
	keep, err := list.filter(c.query.Get("filter"))
	if err != nil {
		return nil, err
	}
	var out struct{ Count int }
	for e := range list.items {
		ok := true
		if keep != nil {
			if ok, err = keep(e); err != nil {
				return nil, err
			}
		}
		if ok {
			out.Count++
		}
	}
	return out, nil
}

// evaluations yields the evaluations that a call asks for.
func evaluations(s store.Snapshot, c *call) iter.Seq[*api.Evaluation] {
	q := store.Query{IDPrefix: c.query.Get("prefix")}
	job, status, namespace := c.query.Get("job"), c.query.Get("status"), c.namespaces()
	if job != "" && namespace != "" && q.IDPrefix == "" {
		q = store.Query{Index: store.ByJob, Value: store.JobValue(namespace, job)}
	}
	return where(store.List[*api.Evaluation](s, q), func(e *api.Evaluation) bool {
		return (namespace == "" || e.Namespace == namespace) &&
			(job == "" || e.JobID == job) && (status == "" || e.Status == status)
	})
}

// evaluationListing lists evaluations oldest first.
func evaluationListing(items iter.Seq[*api.Evaluation]) listing[*api.Evaluation] {
	return listing[*api.Evaluation]{
		items: each(items, api.JoinEvaluation),
		key:   func(e *api.Evaluation) string { return byCreation(e.CreateIndex, e.ID) },
		view:  func(e *api.Evaluation) any { return e },
	}
}

// readEvaluation is GET /v1/evaluation/ID.
func readEvaluation(s store.Snapshot, c *call) (any, error) {
	id, err := c.id("eval", "evaluation")
	if err != nil {
		return nil, err
	}
	e := get[*api.Evaluation](s, api.Key{Kind: api.KindEvaluation, ID: id})
	if e == nil {
		return nil, notFound("eval")
	}
	return api.JoinEvaluation(e), nil
}

// readEvaluationAllocations is GET /v1/evaluation/ID/allocations.
func readEvaluationAllocations(s store.Snapshot, c *call) (any, error) {
	id, err := c.id("eval", "evaluation")
	if err != nil {
		return nil, err
	}
	return answerStubs(s, store.List[*api.Allocation](s, store.Query{Index: store.ByEval, Value: id}), c)
}

// jobOfEvaluation returns the job that an evaluation is of.
func jobOfEvaluation(s store.Snapshot, id string) (namespace, jobID string) {
	if e := get[*api.Evaluation](s, api.Key{Kind: api.KindEvaluation, ID: id}); e != nil {
		return e.Namespace, e.JobID
	}
	return "", ""
}

// newEvaluation returns a request to look at a job again.
func newEvaluation(trigger string, now time.Time) *api.Evaluation {
	return &api.Evaluation{
		ID:          newID(),
		TriggeredBy: trigger,
		Status:      api.EvalPending,
		CreateTime:  now.UnixNano(),
		ModifyTime:  now.UnixNano(),
	}
}
