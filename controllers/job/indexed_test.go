package job_test

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/job"
	"github.com/droverhq/drover/controllers/scenario"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/mem"
)

// counting is a store that counts what controllers read of jobs' lives.
type counting struct {
	*mem.Store
	read *atomic.Int64
}

func (c counting) Snapshot() store.Snapshot { return countingSnapshot{c.Store.Snapshot(), c.read} }

type countingSnapshot struct {
	store.Snapshot
	read *atomic.Int64
}

func (s countingSnapshot) Scan(q store.Query) iter.Seq[api.Object] {
	return func(yield func(api.Object) bool) {
		for o := range s.Snapshot.Scan(q) {
			if s.read.Add(1); !yield(o) {
				return
			}
		}
	}
}

func (s countingSnapshot) Get(key api.Key) (api.Object, bool) {
	s.read.Add(1)
	return s.Snapshot.Get(key)
}

// Ten times as many indexes may cost ten times as much, not a hundred times.
func TestManyIndexesDrainWithoutLookingAtAllOfThemAgain(t *testing.T) {
	const completions, parallelism = 50_000, 100
	synctest.Test(t, func(t *testing.T) {
		read := new(atomic.Int64)
		s := counting{mem.New(mem.Options{ServerID: "server-1"}), read}
		m, err := reconcile.NewManager(reconcile.Options{Store: s, ServerID: "server-1"})
		if err != nil {
			t.Fatal(err)
		}
		if err := job.Register(m, job.Options{WholeBelow: 1}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := m.Start(ctx); err != nil {
				t.Error(err)
			}
		})
		spec := scenario.NewSpec("many")
		spec.Type, spec.CPU, spec.Memory = api.JobTypeBatch, 1, 1
		spec.Indexed = &api.IndexedStrategy{Completions: new(completions), Parallelism: new(parallelism)}
		j := spec.Job()
		j.Version = new(uint64(0))
		put := func(objects ...api.Object) {
			t.Helper()
			var txn store.Txn
			for _, o := range objects {
				txn.Writes = append(txn.Writes, store.Put(o))
			}
			if _, err := s.Apply(ctx, txn); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			synctest.Wait()
		}
		feed := s.Watch(0, api.KindAllocation)
		defer feed.Close()
		put(scenario.NewNode("n1", "dc1", "", 1000, 1000), &api.NodeStatus{NodeID: "n1", Status: api.NodeReady},
			j, &api.JobVersion{Job: j}, &api.Evaluation{ID: "asked", Namespace: "default", JobID: "many", Status: api.EvalPending})
		done, seen := make(map[string]bool, completions), 0
		for len(done) < completions {
			changes, _, err := feed.Next(ctx)
			if err != nil {
				t.Fatal(err)
			}
			var statuses []api.Object
			for _, c := range changes {
				a := c.New.(*api.Allocation)
				if c.Old != nil {
					continue
				}
				if done[a.Name] {
					t.Fatalf("%s is run again", a.Name)
				}
				done[a.Name] = true
				statuses = append(statuses, &api.AllocationStatus{ID: a.ID, NodeID: "n1", Namespace: "default", JobID: "many", ClientStatus: api.AllocClientComplete})
			}
			if seen += len(statuses); len(statuses) > parallelism {
				t.Fatalf("%d run at a time", len(statuses))
			}
			put(statuses...)
		}
		status, _ := store.Get[*api.JobStatus](s.Snapshot(), api.JobStatusKey("default", "many"))
		if status.Status != api.JobStatusDead || status.Outcome != api.JobOutcomeComplete || status.Indexed["web"].Completed != "0-49999" {
			t.Errorf("at the end: %+v, %v", status, status.Indexed["web"])
		}
		if evals := store.Count[*api.Evaluation](s.Snapshot(), store.Query{}); evals > 2 {
			t.Errorf("%d evaluations", evals)
		}
		if each := read.Load() / completions; each > 30 {
			t.Errorf("%d objects are read for each index", each)
		}
		cancel()
		running.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// arrayHistory is what happens to jobs with indexed groups.
var arrayHistory = rapid.SliceOfN(rapid.OneOf(
	rapid.Custom(func(t *rapid.T) string {
		return fmt.Sprintf("node n%d cpu=%d%s", rapid.IntRange(1, 3).Draw(t, "node"), rapid.SampledFrom([]int{100, 300, 900}).Draw(t, "cpu"),
			rapid.SampledFrom([]string{"", "", " ineligible", " down"}).Draw(t, "state"))
	}),
	rapid.Custom(func(t *rapid.T) string {
		return fmt.Sprintf("run a1 type=batch attempts=%d delay=1s indexed=%d/%d env=%d", rapid.IntRange(0, 2).Draw(t, "attempts"),
			rapid.IntRange(1, 8).Draw(t, "completions"), rapid.IntRange(1, 4).Draw(t, "parallelism"), rapid.IntRange(1, 3).Draw(t, "env"))
	}),
	rapid.SampledFrom([]string{"agents", "agents", "agents", "advance 2s", "advance 30s", "restart", "restart", "collect", "stop a1", "stop a1 purge"}),
	rapid.Custom(func(t *rapid.T) string {
		return fmt.Sprintf("%s a1.web[%d]", rapid.SampledFrom([]string{"fail", "complete", "complete", "complete", "migrate"}).Draw(t, "verb"), rapid.IntRange(0, 7).Draw(t, "index"))
	}),
), 5, 80)

func TestEachIndexCompletesOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		lines := arrayHistory.Draw(rt, "history")
		var broken error
		synctest.Test(t, func(t *testing.T) {
			c := scenario.New(t, registerAll)
			for n, line := range lines {
				if !possible(c, line) {
					continue
				}
				if broken = arrayStep(c, line); broken != nil {
					broken = fmt.Errorf("step %d, %s: %w", n, line, broken)
					return
				}
			}
			broken = finish(c)
		})
		if broken != nil {
			rt.Fatal(broken)
		}
	})
}

func arrayStep(c *scenario.Cluster, line string) error {
	switch line {
	case "restart":
		return nothingIsWrittenTwice(c)
	case "collect":
		return nobodyMissesWhatIsCollected(c)
	}
	if _, err := c.Do(line); err != nil {
		return err
	}
	c.Settle()
	return arrayLaws(c)
}

// arrayLaws hold whenever the controllers are idle: no more run than may, no index that
// is done or run is run besides, and progress is what the instances say.
func arrayLaws(c *scenario.Cluster) error {
	now := take(c)
	if err := now.namesAreUnique(); err != nil {
		return err
	}
	j, ok := store.Get[*api.Job](now.snap, api.JobKey(api.DefaultNamespace, "a1"))
	if !ok || j.Stopped() {
		return nil
	}
	status, _ := store.Get[*api.JobStatus](now.snap, api.JobStatusKey(api.DefaultNamespace, "a1"))
	progress := status.Indexed["web"]
	completed, live := make(map[int]int), 0
	for _, a := range now.byJob["a1"] {
		s := now.statuses[a.ID]
		if a.CreateIndex < *j.CreateIndex || a.JobVersion != *j.Version {
			continue
		}
		if now.live(a) {
			if live++; progress.Completed.Has(a.Index()) {
				return fmt.Errorf("%s is run again", a.Name)
			}
		}
		if a.WantsRun() && s != nil && s.ClientStatus == api.AllocClientComplete {
			if completed[a.Index()]++; completed[a.Index()] > 1 || !progress.Completed.Has(a.Index()) {
				return fmt.Errorf("%s completed %d times, progress is %s", a.Name, completed[a.Index()], progress)
			}
		}
	}
	// Lowering it stops nothing.
	most := 0
	for v := range store.List[*api.JobVersion](now.snap, store.Query{}) {
		if indexed := v.Job.TaskGroups[0].Indexed; indexed != nil {
			most = max(most, *indexed.Parallelism)
		}
	}
	if live > most {
		return fmt.Errorf("%d run at a time, %d may", live, most)
	}
	return nil
}

// finish lets everything that runs complete, until the job has ended.
func finish(c *scenario.Cluster) error {
	j, ok := store.Get[*api.Job](c.Store.Snapshot(), api.JobKey(api.DefaultNamespace, "a1"))
	if !ok || j.Stopped() {
		return nil
	}
	if _, err := c.Do("node spare cpu=4000"); err != nil {
		return err
	}
	for range 60 {
		c.Settle()
		c.Agents()
		c.Advance(5 * time.Second)
		now := take(c)
		for _, a := range now.byJob["a1"] {
			if now.live(a) && now.statuses[a.ID] != nil {
				c.Put(c.Report(a, api.AllocClientComplete))
			}
		}
		c.Settle()
		if err := arrayLaws(c); err != nil {
			return fmt.Errorf("at the end: %w", err)
		}
	}
	status, _ := store.Get[*api.JobStatus](c.Store.Snapshot(), api.JobStatusKey(api.DefaultNamespace, "a1"))
	if p := status.Indexed["web"]; status.Status != api.JobStatusDead || p.Done() != p.Completions {
		return fmt.Errorf("at the end the job is %s, %s, %v queued", status.Status, p, status.Queued)
	}
	return nil
}
