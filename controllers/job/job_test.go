package job_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/job"
	"github.com/droverhq/drover/controllers/scenario"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
)

func register(m *reconcile.Manager) error { return job.Register(m, job.Options{WholeBelow: 1}) }

func TestScripts(t *testing.T) { scenario.Run(t, "testdata", register, preview) }

// preview tells what job.DryRun says.
func preview(snap store.Snapshot, j *api.Job, now time.Time) string {
	p := job.DryRun(snap, j, now)
	var out strings.Builder
	for _, group := range slices.Sorted(maps.Keys(p.Updates)) {
		fmt.Fprintf(&out, "%s: %v\n", group, p.Updates[group])
	}
	for _, group := range slices.Sorted(maps.Keys(p.Failed)) {
		why := p.Failed[group]
		fmt.Fprintf(&out, "%s fails %d times: %v %v\n", group, why.CoalescedFailures+1, why.ConstraintFiltered, why.DimensionExhausted)
	}
	for _, a := range p.Preempted {
		fmt.Fprintf(&out, "instead of %s\n", a.Name)
	}
	for _, e := range p.Created {
		fmt.Fprintf(&out, "evaluation %s %s\n", e.TriggeredBy, e.Status)
	}
	return out.String()
}
