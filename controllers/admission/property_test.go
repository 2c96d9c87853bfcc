package admission_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/scenario"
	"github.com/droverhq/drover/store"
)

// history is what happens to a pattern with children, and to jobs that depend on each
// other: a pipeline p1, p2, p3.
var history = rapid.SliceOfN(rapid.OneOf(
	rapid.Custom(func(t *rapid.T) string {
		return fmt.Sprintf("run pattern type=batch max_concurrent=%d", rapid.IntRange(1, 3).Draw(t, "limit"))
	}),
	rapid.Custom(func(t *rapid.T) string {
		return fmt.Sprintf("child pattern c%d %d", rapid.IntRange(1, 9).Draw(t, "child"), rapid.IntRange(1, 3).Draw(t, "priority"))
	}),
	rapid.Custom(func(t *rapid.T) string {
		line := rapid.SampledFrom([]string{"p1", "p2 depends=p1", "p3 depends=p2,p1:completion"}).Draw(t, "job")
		name, rest := line[:2], line[2:]
		return fmt.Sprintf("run %s type=batch attempts=0 env=%d%s", name, rapid.IntRange(1, 3).Draw(t, "env"), rest)
	}),
	rapid.SampledFrom([]string{"agents", "agents", "agents", "advance 10s", "restart", "stop p1", "stop c1", "stop c2 purge", "stop p2 purge"}),
	rapid.Custom(func(t *rapid.T) string {
		return fmt.Sprintf("%s %s.web[0]", rapid.SampledFrom([]string{"fail", "complete", "complete"}).Draw(t, "verb"),
			rapid.SampledFrom([]string{"p1", "p2", "p3", "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9"}).Draw(t, "job"))
	}),
), 5, 60)

func TestNobodyBeginsOutOfTurnAndNobodyWaitsForNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		lines := history.Draw(rt, "history")
		var broken error
		synctest.Test(t, func(t *testing.T) {
			c := scenario.New(t, register)
			if _, err := c.Do("node n1 cpu=100000 mem=100000"); err != nil {
				t.Fatal(err)
			}
			w := &watcher{cluster: c, begun: make(map[string]bool)}
			for n, line := range lines {
				if !w.possible(line) {
					continue
				}
				if broken = w.step(line); broken != nil {
					broken = fmt.Errorf("step %d, %s: %w", n, line, broken)
					return
				}
			}
		})
		if broken != nil {
			rt.Fatal(broken)
		}
	})
}

// watcher knows what has begun.
type watcher struct {
	cluster *scenario.Cluster
	limit   int             // the greatest that the pattern had since it last waited
	begun   map[string]bool // allocations
}

func find[T api.Object](w *watcher, key api.Key) (T, bool) {
	return store.Get[T](w.cluster.Store.Snapshot(), key)
}

func (w *watcher) job(id string) (*api.Job, *api.JobStatus) {
	j, _ := find[*api.Job](w, api.JobKey(api.DefaultNamespace, id))
	s, _ := find[*api.JobStatus](w, api.JobStatusKey(api.DefaultNamespace, id))
	return j, s
}

func (w *watcher) possible(line string) bool {
	var verb, what string
	if n, _ := fmt.Sscan(line, &verb, &what); n < 2 {
		return true
	}
	j, _ := w.job(what)
	switch verb {
	case "stop":
		return j != nil
	case "child":
		var child string
		_, err := fmt.Sscan(line, &verb, &what, &child)
		there, _ := w.job(child)
		return err == nil && j != nil && there == nil
	case "fail", "complete":
		a := w.cluster.Latest(what)
		if a == nil || !a.WantsRun() {
			return false
		}
		s, ok := find[*api.AllocationStatus](w, (&api.AllocationStatus{ID: a.ID}).Key())
		return ok && !s.Terminal()
	}
	return true
}

// step does one thing and checks the laws before and after.
func (w *watcher) step(line string) error {
	before := w.cluster.Store.Snapshot()
	if _, err := w.cluster.Do(line); err != nil {
		return err
	}
	w.cluster.Settle()
	running, waiting := 0, 0
	for j := range store.List[*api.Job](w.cluster.Store.Snapshot(), store.Query{}) {
		if !j.Limited() || j.Stopped() {
			continue
		}
		switch _, s := w.job(*j.ID); s.Status {
		case api.JobStatusRunning:
			running++
		case api.JobStatusPending:
			waiting++
		}
	}
	pattern, _ := w.job("pattern")
	if pattern != nil {
		now := *pattern.ParameterizedJob.MaxConcurrent
		w.limit = max(now, min(w.limit, running)) // lowering it stops nobody
		if running < now && waiting > 0 {
			return fmt.Errorf("%d children run of %d that may, and %d wait", running, now, waiting)
		}
	}
	if running > w.limit {
		return fmt.Errorf("%d children run, %d may", running, w.limit)
	}
	return w.ordered(before)
}

// ordered checks of what has begun that it was its turn: that what it depends on had
// ended so, in the version that is registered, by now at the latest.
func (w *watcher) ordered(before store.Snapshot) error {
	for a := range store.List[*api.Allocation](w.cluster.Store.Snapshot(), store.Query{}) {
		if w.begun[a.ID] {
			continue
		}
		w.begun[a.ID] = true
		j, _ := w.job(a.JobID)
		if j == nil || a.CreateIndex < *j.CreateIndex || goesOn(before, a.JobID) {
			continue
		}
		for _, d := range j.DependsOn {
			other, s := w.job(d.Job)
			switch {
			case other == nil || !s.Ended(*other.Version):
				return fmt.Errorf("%s begins although %s has not ended", a.JobID, d.Job)
			case d.Condition == "" && s.Outcome != api.JobOutcomeComplete:
				return fmt.Errorf("%s begins although the outcome of %s is %q", a.JobID, d.Job, s.Outcome)
			}
		}
	}
	for j := range store.List[*api.Job](w.cluster.Store.Snapshot(), store.Query{}) {
		_, s := w.job(*j.ID)
		if s != nil && s.Status == api.JobStatusPending && s.StatusDescription == "" {
			return fmt.Errorf("%s waits and does not say for what", *j.ID)
		}
	}
	return nil
}

// goesOn reports whether a job had begun in a snapshot and not ended: its new version
// does not wait.
func goesOn(snap store.Snapshot, id string) bool {
	s, ok := store.Get[*api.JobStatus](snap, api.JobStatusKey(api.DefaultNamespace, id))
	return ok && s.Status == api.JobStatusRunning
}
