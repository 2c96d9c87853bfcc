package cli

import (
	"testing"

	"github.com/droverhq/drover/api"
)

func TestWhatCouldNotBePlacedIsShownForAsLongAsItIsSo(t *testing.T) {
	evaluation := func(id, status string, created, modified uint64, failed bool) *api.Evaluation {
		e := &api.Evaluation{ID: id, Status: status, ObjectMeta: api.ObjectMeta{CreateIndex: created, ModifyIndex: modified}}
		if failed {
			e.FailedTGAllocs = map[string]*api.AllocationMetric{"g": {}}
		}
		return e
	}
	first := evaluation("first", api.EvalComplete, 5, 6, true)
	second := evaluation("second", api.EvalComplete, 9, 9, true)
	for name, test := range map[string]struct {
		evals []*api.Evaluation
		want  string
	}{
		"nothing was asked":           {nil, ""},
		"all was placed":              {[]*api.Evaluation{evaluation("a", api.EvalComplete, 5, 6, false)}, ""},
		"some waits":                  {[]*api.Evaluation{first, second, evaluation("b", api.EvalBlocked, 7, 7, true)}, "b"},
		"what waited was placed":      {[]*api.Evaluation{first, second, evaluation("b", api.EvalComplete, 7, 12, false)}, ""},
		"a system job misses a place": {[]*api.Evaluation{first, second}, "second"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if e := latestFailure(test.evals); e != nil {
				got = e.ID
			}
			if got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}
