package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
)

func TestConflictIsRetriedAtOnceAndIsNoError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		w := start(t, reconcile.Options{}, nodes(func(ctx context.Context, c reconcile.Client, req reconcile.Request) (reconcile.Result, error) {
			snap := c.Snapshot()
			key := (&api.NodeStatus{NodeID: req.ID}).Key()
			status, _ := store.Get[*api.NodeStatus](snap, key)
			condition := store.Absent(key)
			if status != nil && status.Status == "theirs" {
				condition = store.Unchanged(status)
			}
			_, err := c.Apply(ctx, store.Txn{
				Conditions: []store.Condition{condition},
				Writes:     []store.Write{store.Put(&api.NodeStatus{NodeID: req.ID, Status: "mine"})},
			})
			j.note("%s %v", c.Now().Format("05.000"), errors.Is(err, api.ErrConflict))
			return reconcile.Result{}, err
		}), &api.NodeStatus{NodeID: "a", Status: "mine"})
		w.put(&api.Node{ID: "a"})
		time.Sleep(1500 * time.Microsecond)
		w.put(&api.NodeStatus{NodeID: "a", Status: "theirs"})
		time.Sleep(time.Minute)
		j.expect(t, "00.000 true", "00.000 true", "00.001 true", "00.003 false")
		if s := w.status(); s.Conflicts != 3 || s.Retries != 3 || s.Errors != 0 || s.LastError != nil {
			t.Errorf("status %+v", s)
		}
	})
}

func TestPanicIsCaughtCountedAndRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var passes atomic.Int32
		w := start(t, reconcile.Options{}, nodes(func(context.Context, reconcile.Client, reconcile.Request) (reconcile.Result, error) {
			if passes.Add(1) < 3 {
				panic("no such luck")
			}
			return reconcile.Result{}, nil
		}), &api.Node{ID: "a"})
		time.Sleep(time.Second)
		s := w.status()
		if passes.Load() != 3 || s.Panics != 2 || s.Errors != 2 || s.LastError.Err.Error() != "panic: no such luck" {
			t.Errorf("%d passes, status %+v, last error %v", passes.Load(), s, s.LastError)
		}
	})
}

func TestErrorIsRetriedUntilItSucceedsAndTerminalErrorIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		w := start(t, reconcile.Options{}, nodes(func(_ context.Context, c reconcile.Client, req reconcile.Request) (reconcile.Result, error) {
			j.note("%s %s", c.Now().Format("05.000"), req)
			if req.ID == "hopeless" {
				return reconcile.Result{}, reconcile.Terminal(errors.New("no"))
			}
			if c.Now().Nanosecond() < 12_000_000 {
				return reconcile.Result{}, errors.New("not yet")
			}
			return reconcile.Result{}, nil
		}), &api.Node{ID: "hopeless"}, &api.Node{ID: "later"})
		time.Sleep(time.Minute)
		j.expect(t, "00.000 hopeless", "00.000 later", "00.005 later", "00.015 later")
		w.put(&api.Node{ID: "hopeless"})
		j.expect(t, "00.000 hopeless")
		if s := w.status(); s.Reconciles != 5 || s.Errors != 4 || s.Retries != 2 {
			t.Errorf("status %+v", s)
		}
	})
}

func TestReadsAreAtLeastAsNewAsTheChangeThatWoke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		w := start(t, reconcile.Options{}, func(m *reconcile.Manager) error {
			mapping := func(snap store.Snapshot, c store.Change) []reconcile.Request {
				if snap.Index() < c.Index {
					j.note("mapped at %d a change of %d", snap.Index(), c.Index)
				}
				return reconcile.SameKey(snap, c)
			}
			p := pass(func(_ context.Context, c reconcile.Client, req reconcile.Request) (reconcile.Result, error) {
				if o, ok := store.Get[*api.NodeIntent](c.Snapshot(), (&api.NodeIntent{NodeID: req.ID}).Key()); ok {
					j.note("%d", o.UpdatedAt)
				}
				return reconcile.Result{}, nil
			})
			return reconcile.NewController("test").For(api.KindNode).Watches(api.KindNodeIntent, mapping).Complete(m, p.build)
		})
		for i := range int64(3) {
			w.put(&api.NodeIntent{NodeID: "a", UpdatedAt: i})
			j.expect(t, fmt.Sprint(i))
		}
	})
}

func TestBurstOfChangesThatMapToOneKeyIsAFewPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var passes, mapped atomic.Int64
		w := start(t, reconcile.Options{}, func(m *reconcile.Manager) error {
			byJob := func(_ store.Snapshot, c store.Change) []reconcile.Request {
				mapped.Add(1)
				return []reconcile.Request{{Namespace: "default", ID: c.New.(*api.Allocation).JobID}}
			}
			p := pass(func(context.Context, reconcile.Client, reconcile.Request) (reconcile.Result, error) {
				passes.Add(1)
				time.Sleep(time.Millisecond)
				return reconcile.Result{}, nil
			})
			return reconcile.NewController("test").For(api.KindJob).Owns(api.KindAllocation, byJob).Complete(m, p.build)
		})
		for i := range 10 {
			allocations := make([]api.Object, 1000)
			for k := range allocations {
				allocations[k] = &api.Allocation{ID: fmt.Sprint(i, "-", k), Namespace: "default", JobID: "j", NodeID: "n"}
			}
			w.put(allocations...)
		}
		time.Sleep(time.Second)
		if mapped.Load() != 10_000 || passes.Load() > 10 {
			t.Errorf("%d changes were mapped, and cost %d passes", mapped.Load(), passes.Load())
		}
	})
}

func TestFeedThatFellBehindEnqueuesEveryKeyAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		release := make(chan struct{})
		w := start(t, reconcile.Options{}, func(m *reconcile.Manager) error {
			slowly := func(snap store.Snapshot, c store.Change) []reconcile.Request {
				<-release
				return reconcile.SameKey(snap, c)
			}
			p := pass(func(_ context.Context, _ reconcile.Client, req reconcile.Request) (reconcile.Result, error) {
				j.note("%s", req)
				return reconcile.Result{}, nil
			})
			return reconcile.NewController("test").For(api.KindNode).Watches(api.KindNodeIntent, slowly).Complete(m, p.build)
		}, &api.Node{ID: "a"}, &api.Node{ID: "b"})
		j.expect(t, "a", "b")
		w.put(&api.NodeIntent{NodeID: "x"})
		synctest.Wait() // the dispatcher is busy with it
		for range 2 * feedChanges / 1000 {
			many := make([]api.Object, 1000)
			for i := range many {
				many[i] = &api.NodeIntent{NodeID: fmt.Sprint(i)}
			}
			w.put(many...)
		}
		close(release)
		synctest.Wait()
		if j.mu.Lock(); !slices.Contains(j.lines, "a") || !slices.Contains(j.lines, "b") {
			t.Errorf("not every key was listed again: %d passes", len(j.lines))
		}
		j.mu.Unlock()
	})
}

// writeHalves writes half of what the feed keeps, so many times, and notes each.
func (j *journal) writeHalves(ctx context.Context, c reconcile.Client, times int) error {
	for n := range times {
		var txn store.Txn
		for i := range feedChanges / 2 {
			txn.Writes = append(txn.Writes, store.Put(&api.NodeStatus{NodeID: fmt.Sprint(n, "-", i)}))
		}
		if _, err := c.Apply(ctx, txn); err != nil {
			return err
		}
		j.note("%d", n)
	}
	return nil
}

func TestAControllerDoesNotWriteFasterThanItCanFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		release := make(chan struct{})
		start(t, reconcile.Options{}, func(m *reconcile.Manager) error {
			slowly := func(store.Snapshot, store.Change) []reconcile.Request {
				<-release
				return nil
			}
			p := pass(func(ctx context.Context, c reconcile.Client, req reconcile.Request) (reconcile.Result, error) {
				j.note("%s", req)
				return reconcile.Result{}, j.writeHalves(ctx, c, 4)
			})
			return reconcile.NewController("test").For(api.KindNode).Watches(api.KindNodeStatus, slowly).Writes(api.KindNodeStatus).Complete(m, p.build)
		}, &api.Node{ID: "a"})
		j.expect(t, "a", "0", "1") // the first is being followed; a third would wait behind the second
		close(release)
		j.expect(t, "2", "3") // and nothing was listed again
	})
}

func TestPanickingMapFunctionListsEveryKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		w := start(t, reconcile.Options{}, func(m *reconcile.Manager) error {
			mapping := func(store.Snapshot, store.Change) []reconcile.Request { panic("oops") }
			p := pass(func(_ context.Context, _ reconcile.Client, req reconcile.Request) (reconcile.Result, error) {
				j.note("%s", req)
				return reconcile.Result{}, nil
			})
			return reconcile.NewController("test").For(api.KindNode).Watches(api.KindNodeIntent, mapping).Complete(m, p.build)
		}, &api.Node{ID: "a"}, &api.Node{ID: "b"})
		j.expect(t, "a", "b")
		w.put(&api.NodeIntent{NodeID: "x"})
		j.expect(t, "a", "b")
		if s := w.status(); s.Panics != 1 || s.LastError == nil {
			t.Errorf("status %+v", s)
		}
	})
}

func TestMappingFunctionsAreCalledUnderTheGuardWhichIsFreeOtherwise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		var guard sync.Mutex
		w := start(t, reconcile.Options{}, func(m *reconcile.Manager) error {
			mapping := func(_ store.Snapshot, c store.Change) []reconcile.Request {
				if guard.TryLock() {
					guard.Unlock()
					panic("nobody holds the guard")
				}
				if c.Key.ID == "broken" {
					panic("oops")
				}
				return []reconcile.Request{{ID: c.Key.ID}}
			}
			p := pass(func(_ context.Context, _ reconcile.Client, req reconcile.Request) (reconcile.Result, error) {
				guard.Lock() // would wait for ever
				defer guard.Unlock()
				j.note("%s", req)
				return reconcile.Result{}, nil
			})
			return reconcile.NewController("test").For(api.KindNode).Watches(api.KindNodeIntent, mapping).Lists(api.KindNodeIntent, mapping).
				WithOptions(reconcile.ControllerOptions{Guard: &guard}).Complete(m, p.build)
		}, &api.NodeIntent{NodeID: "listed"})
		j.expect(t, "listed")
		w.put(&api.NodeIntent{NodeID: "changed"})
		j.expect(t, "changed")
		if s := w.status(); s.Panics != 0 {
			t.Errorf("status %+v", s)
		}
		w.put(&api.NodeIntent{NodeID: "broken"})
		j.expect(t, "changed", "listed") // the listing of "broken" is what panics, too
		if s := w.status(); s.Panics != 2 {
			t.Errorf("status %+v", s)
		}
	})
}

// indexed is a reconciler with an index, which can't be made at first.
type indexed struct {
	*journal
	broken *atomic.Bool
}

func (r indexed) Resync(snap store.Snapshot) {
	if r.broken.Load() {
		r.note("broken")
		panic("oops")
	}
	r.note("index of %d", store.Count[*api.Node](snap, store.Query{}))
}

func (r indexed) Reconcile(_ context.Context, req reconcile.Request) (reconcile.Result, error) {
	r.note("%s", req)
	return reconcile.Result{}, nil
}

func TestReconcilerWithABrokenIndexRestsUntilItCanBeMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		var broken atomic.Bool
		broken.Store(true)
		w := start(t, reconcile.Options{}, func(m *reconcile.Manager) error {
			return reconcile.NewController("test").For(api.KindNode).Complete(m, func(reconcile.Client) reconcile.Reconciler {
				return indexed{&j, &broken}
			})
		}, &api.Node{ID: "a"})
		w.put(&api.Node{ID: "b"})
		j.expect(t, "broken")
		broken.Store(false)
		time.Sleep(10 * time.Second)
		j.expect(t, "index of 2", "a", "b")
		time.Sleep(time.Hour)
		j.expect(t)
	})
}

func TestListingGivesWayToFreshChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		many := make([]api.Object, 20_000)
		for i := range many {
			many[i] = &api.Node{ID: fmt.Sprint(i)}
		}
		w := start(t, reconcile.Options{}, nodes(func(_ context.Context, _ reconcile.Client, req reconcile.Request) (reconcile.Result, error) {
			time.Sleep(time.Microsecond)
			j.note("%s", req)
			return reconcile.Result{}, nil
		}), many...)
		time.Sleep(100 * time.Microsecond)
		w.put(&api.Node{ID: "fresh"})
		time.Sleep(time.Second)
		synctest.Wait()
		j.mu.Lock()
		defer j.mu.Unlock()
		if at := slices.Index(j.lines, "fresh"); at > 200 || len(j.lines) != 20_001 {
			t.Errorf("the fresh one was number %d of %d", at, len(j.lines))
		}
	})
}

func TestPredicatesHoldBackChangesAndListedKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		w := start(t, reconcile.Options{}, func(m *reconcile.Manager) error {
			p := pass(func(_ context.Context, _ reconcile.Client, req reconcile.Request) (reconcile.Result, error) {
				j.note("%s", req)
				return reconcile.Result{}, nil
			})
			return reconcile.NewController("test").
				For(api.KindNode, func(c store.Change) bool { return c.Key.ID != "b" }).
				Watches(api.KindNodeStatus, reconcile.SameKey, reconcile.Changed(func(before, after *api.NodeStatus) bool {
					return before.Status != after.Status
				})).
				Watches(api.KindNodeIntent, reconcile.SameKey, reconcile.Or(reconcile.Created, reconcile.Deleted)).
				Complete(m, p.build)
		}, &api.Node{ID: "a"}, &api.Node{ID: "b"})
		j.expect(t, "a")
		w.put(&api.Node{ID: "b"})
		w.put(&api.NodeStatus{NodeID: "x", Status: "new"})
		w.put(&api.NodeStatus{NodeID: "x", Status: "new"})
		j.expect(t)
		w.put(&api.NodeStatus{NodeID: "x", Status: "other"})
		j.expect(t, "x")
		w.put(&api.NodeIntent{NodeID: "y"})
		w.put(&api.NodeIntent{NodeID: "y", UpdatedAt: 1})
		j.expect(t, "y")
	})
}

func TestKeysOfObjectsThatAreGoneAreListedThroughOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		w := start(t, reconcile.Options{}, func(m *reconcile.Manager) error {
			ofJob := func(_ store.Snapshot, c store.Change) []reconcile.Request {
				e := c.New.(*api.Evaluation)
				return []reconcile.Request{{Namespace: e.Namespace, ID: e.JobID}}
			}
			p := pass(func(_ context.Context, _ reconcile.Client, req reconcile.Request) (reconcile.Result, error) {
				j.note("%s", req)
				return reconcile.Result{}, nil
			})
			return reconcile.NewController("test").
				For(api.KindJob, reconcile.None).
				Lists(api.KindEvaluation, ofJob, func(c store.Change) bool { return !c.New.(*api.Evaluation).Terminal() }).
				Complete(m, p.build)
		},
			&api.Job{Namespace: new("default"), ID: new("quiet")},
			&api.Evaluation{ID: "e1", Namespace: "default", JobID: "gone", Status: api.EvalPending},
			&api.Evaluation{ID: "e2", Namespace: "default", JobID: "done", Status: api.EvalComplete})
		j.expect(t, "default/gone")
		w.put(&api.Evaluation{ID: "e3", Namespace: "default", JobID: "other", Status: api.EvalPending})
		j.expect(t)
	})
}

func TestMetricsTellHowControllersDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		start(t, reconcile.Options{Registerer: registry}, nodes(func(context.Context, reconcile.Client, reconcile.Request) (reconcile.Result, error) {
			return reconcile.Result{}, reconcile.Terminal(errors.New("no"))
		}), &api.Node{ID: "a"}, &api.Node{ID: "b"})
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		series := make(map[string]int)
		for _, f := range families {
			series[f.GetName()] = len(f.GetMetric())
			for _, m := range f.GetMetric() {
				for _, l := range m.GetLabel() {
					if l.GetValue() == "terminal" && m.GetCounter().GetValue() != 2 {
						t.Errorf("%v terminal errors, want 2", m.GetCounter().GetValue())
					}
				}
			}
		}
		want := map[string]int{
			"drover_controller_queue_depth": 1, "drover_controller_queue_latency_seconds": 1,
			"drover_controller_working": 1, "drover_controller_last_error_timestamp_seconds": 1,
			"drover_controller_work_duration_seconds": 1, "drover_controller_retries_total": 1,
			"drover_controller_reconciles_total": 6,
		}
		if !maps.Equal(series, want) {
			t.Errorf("series %v, want %v", series, want)
		}
	})
}

func TestAsManyKeysAreWorkedOnAtOnceAsMayBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var working atomic.Int32
		reconciler := pass(func(ctx context.Context, _ reconcile.Client, req reconcile.Request) (reconcile.Result, error) {
			working.Add(1)
			defer working.Add(-1)
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
			}
			return reconcile.Result{}, nil
		})
		w := start(t, reconcile.Options{}, func(m *reconcile.Manager) error {
			return reconcile.NewController("test").For(api.KindNode).Writes(api.KindNodeStatus).
				WithOptions(reconcile.ControllerOptions{Concurrency: 3}).Complete(m, reconciler.build)
		}, &api.Node{ID: "a"})
		expect := func(when string, want int32) {
			t.Helper()
			synctest.Wait()
			if got := working.Load(); got != want {
				t.Errorf("%s: %d keys are worked on, want %d", when, got, want)
			}
		}
		expect("one key", 1)
		w.put(&api.Node{ID: "b"})
		expect("another one while the first is worked on", 2)
		w.put(&api.Node{ID: "c"}, &api.Node{ID: "d"}, &api.Node{ID: "e"})
		expect("more keys than may be worked on", 3)
		time.Sleep(1500 * time.Millisecond)
		expect("the rest", 2)
	})
}

// slowIndex is a reconciler whose index takes a while to make.
type slowIndex struct{ ready chan struct{} }

func (r slowIndex) Resync(store.Snapshot) { <-r.ready }

func (r slowIndex) Reconcile(context.Context, reconcile.Request) (reconcile.Result, error) {
	return reconcile.Result{}, nil
}

func TestAControllerGoesOnThatWroteMuchThatNobodyFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		ready := make(chan struct{})
		start(t, reconcile.Options{}, func(m *reconcile.Manager) error {
			p := pass(func(ctx context.Context, c reconcile.Client, req reconcile.Request) (reconcile.Result, error) {
				return reconcile.Result{}, j.writeHalves(ctx, c, 4)
			})
			if err := reconcile.NewController("test").For(api.KindNode).Writes(api.KindNodeStatus).Complete(m, p.build); err != nil {
				return err
			}
			return reconcile.NewController("slow").For(api.KindNode).Complete(m, func(reconcile.Client) reconcile.Reconciler { return slowIndex{ready} })
		}, &api.Node{ID: "a"})
		synctest.Wait()
		close(ready)
		time.Sleep(time.Hour) // of virtual time: nothing but looking again wakes the writer
		j.expect(t, "0", "1", "2", "3")
	})
}
