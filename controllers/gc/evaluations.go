package gc

import (
	"iter"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// evaluations finds those that are answered and that neither an allocation nor an
// evaluation that goes on refers to.
func evaluations(a age) iter.Seq[unit] {
	return func(yield func(unit) bool) {
		open := a.openEvaluations()
		for _, status := range []string{api.EvalComplete, api.EvalFailed, api.EvalCancelled} {
			for e := range store.List[*api.Evaluation](a, store.Query{Index: store.ByStatus, Value: status}) {
				if open[e.ID] || !a.goes(api.KindEvaluation, e.ModifyTime, a.o.EvalThreshold) ||
					store.Count[*api.Allocation](a, store.Query{Index: store.ByEval, Value: e.ID}) > 0 {
					continue
				}
				if !yield(unit{conditions: []store.Condition{store.Unchanged(e)}, deletes: []api.Key{e.Key()}}) {
					return
				}
			}
		}
	}
}

// openEvaluations returns the evaluations that those which go on refer to.
func (a age) openEvaluations() map[string]bool {
	out := make(map[string]bool)
	for _, status := range []string{api.EvalPending, api.EvalBlocked} {
		for e := range store.List[*api.Evaluation](a, store.Query{Index: store.ByStatus, Value: status}) {
			out[e.PreviousEval], out[e.NextEval], out[e.BlockedEval] = true, true, true
		}
	}
	return out
}
