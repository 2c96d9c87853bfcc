package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/mem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a store and a started manager in a bubble.
type world struct {
	*testing.T
	store   *mem.Store
	manager *reconcile.Manager
	cancel  context.CancelFunc
	ended   chan error
}

// pass is what a controller of these tests does with a request.
type pass func(ctx context.Context, c reconcile.Client, req reconcile.Request) (reconcile.Result, error)

func (p pass) build(c reconcile.Client) reconcile.Reconciler {
	return reconcile.Func(func(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
		return p(ctx, c, req)
	})
}

func start(t *testing.T, o reconcile.Options, register func(m *reconcile.Manager) error, objects ...api.Object) *world {
	t.Helper()
	w := &world{T: t, store: mem.New(mem.Options{ServerID: "me"}), ended: make(chan error, 1)}
	w.put(objects...)
	o.Store, o.ServerID = w.store, "me"
	var err error
	if w.manager, err = reconcile.NewManager(o); err != nil {
		t.Fatal(err)
	}
	if err := register(w.manager); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel = cancel
	go func() { w.ended <- w.manager.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-w.ended; err != nil {
			t.Errorf("the manager ended: %v", err)
		}
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
	synctest.Wait()
	return w
}

func (w *world) put(objects ...api.Object) {
	w.Helper()
	if len(objects) == 0 {
		return
	}
	var txn store.Txn
	for _, o := range objects {
		txn.Writes = append(txn.Writes, store.Put(o))
	}
	if _, err := w.store.Apply(context.Background(), txn); err != nil {
		w.Fatal(err)
	}
}

func (w *world) lead(yes bool) {
	leader := store.LeaderInfo{ServerID: "other"}
	if yes {
		leader = store.LeaderInfo{ServerID: "me", IsSelf: true}
	}
	w.store.SetLeader(leader)
	synctest.Wait()
}

func (w *world) status() reconcile.ControllerStatus { return w.manager.Status()[0] }

// journal notes what happened, in order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) note(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

func (j *journal) expect(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	j.mu.Lock()
	defer j.mu.Unlock()
	if !slices.Equal(j.lines, want) {
		t.Errorf("what happened:\n\t%s\nwant:\n\t%s", strings.Join(j.lines, "\n\t"), strings.Join(want, "\n\t"))
	}
	j.lines = nil
}

// nodes makes a controller for nodes, whose only output is their status.
func nodes(p pass) func(m *reconcile.Manager) error {
	return func(m *reconcile.Manager) error {
		return reconcile.NewController("test").For(api.KindNode).Writes(api.KindNodeStatus).Complete(m, p.build)
	}
}

func TestEveryKeyIsEnqueuedAtTheStartAndAfterEachGainOfLeadership(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		w := start(t, reconcile.Options{}, nodes(func(_ context.Context, _ reconcile.Client, req reconcile.Request) (reconcile.Result, error) {
			j.note("%s", req)
			return reconcile.Result{}, nil
		}), &api.Node{ID: "a"}, &api.Node{ID: "b"})
		j.expect(t, "a", "b")
		w.lead(false)
		w.put(&api.Node{ID: "c"})
		j.expect(t)
		w.lead(true)
		time.Sleep(time.Second)
		j.expect(t, "a", "b", "c")
		w.put(&api.Node{ID: "b"})
		j.expect(t, "b")
	})
}

func TestTermIsTheModifyIndexOfTheLeadershipObject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, reconcile.Options{}, nodes(func(context.Context, reconcile.Client, reconcile.Request) (reconcile.Result, error) {
			return reconcile.Result{}, nil
		}))
		held, _ := store.Get[*api.Leadership](w.store.Snapshot(), api.LeadershipKey)
		if held.ServerID != "me" || held.ModifyIndex != w.manager.Term() {
			t.Errorf("leadership is held by %s in term %d, the manager says %d", held.ServerID, held.ModifyIndex, w.manager.Term())
		}
		w.lead(false)
		if w.manager.Term() != 0 || w.status().Leading {
			t.Errorf("after the loss: term %d, leading %v", w.manager.Term(), w.status().Leading)
		}
	})
}

func TestDeposedLeaderCannotWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		usurped := make(chan struct{})
		w := start(t, reconcile.Options{}, nodes(func(ctx context.Context, c reconcile.Client, req reconcile.Request) (reconcile.Result, error) {
			<-usurped
			_, err := c.Apply(context.WithoutCancel(ctx), store.Txn{Writes: []store.Write{store.Put(&api.NodeStatus{NodeID: req.ID})}})
			j.note("%s: %v, conflict %v", req, err, errors.Is(err, api.ErrConflict))
			return reconcile.Result{}, err
		}), &api.Node{ID: "a"})
		// Another server begins a term; raft has not told this one that it lost.
		w.put(&api.Leadership{ServerID: "other"})
		w.store.SetLeader(store.LeaderInfo{ServerID: "other"})
		close(usurped)
		j.expect(t, "a: leadership was lost, conflict false")
		if n := store.Count[*api.NodeStatus](w.store.Snapshot(), store.Query{}); n != 0 {
			t.Errorf("%d statuses were written", n)
		}
		if s := w.status(); s.Errors != 0 || s.LastError != nil {
			t.Errorf("it counts as an error: %+v", s)
		}
	})
}

func TestLeadershipTakenOverInTheStoreEndsTheTermAtOnceAndIsClaimedAgainIfRaftSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, reconcile.Options{}, nodes(func(context.Context, reconcile.Client, reconcile.Request) (reconcile.Result, error) {
			return reconcile.Result{}, nil
		}))
		first := w.manager.Term()
		w.put(&api.Leadership{ServerID: "from a backup"})
		synctest.Wait()
		if w.manager.Term() != 0 {
			t.Error("the term goes on")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if term := w.manager.Term(); term <= first {
			t.Errorf("term %d follows term %d", term, first)
		}
	})
}

func TestLostLeadershipCancelsPassesAndWaitsForThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		w := start(t, reconcile.Options{}, func(m *reconcile.Manager) error {
			return reconcile.NewController("test").For(api.KindNode).Complete(m, func(reconcile.Client) reconcile.Reconciler {
				j.note("made")
				return &slow{journal: &j, delay: 3 * time.Second}
			})
		}, &api.Node{ID: "a"})
		j.expect(t, "made", "begin a")
		w.lead(false)
		w.lead(true)
		j.expect(t, "cancelled a")
		time.Sleep(4 * time.Second)
		j.expect(t, "end a", "closed", "made", "begin a")
	})
}

func TestWorkersThatDoNotStopWithinTheLeaseAreLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		w := start(t, reconcile.Options{Lease: time.Second}, func(m *reconcile.Manager) error {
			return reconcile.NewController("test").For(api.KindNode).Complete(m, func(reconcile.Client) reconcile.Reconciler {
				return &slow{journal: &j, delay: time.Minute}
			})
		}, &api.Node{ID: "a"})
		j.expect(t, "begin a")
		w.lead(false)
		w.lead(true)
		time.Sleep(2 * time.Second)
		j.expect(t, "cancelled a", "begin a")
		w.cancel()
		time.Sleep(30 * time.Second)
		j.expect(t, "cancelled a")
		select {
		case <-w.ended:
			t.Error("Start returned before its workers were done")
		default:
		}
		time.Sleep(time.Minute)
		j.expect(t, "end a", "closed", "end a", "closed")
	})
}

// slow takes a while to stop.
type slow struct {
	*journal
	delay time.Duration
}

func (s *slow) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	s.note("begin %s", req)
	<-ctx.Done()
	s.note("cancelled %s", req)
	time.Sleep(s.delay)
	s.note("end %s", req)
	return reconcile.Result{}, nil
}

func (s *slow) Close() error {
	s.note("closed")
	return nil
}

func TestUndeclaredWriteIsRefusedAndNotRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, reconcile.Options{}, nodes(func(ctx context.Context, c reconcile.Client, _ reconcile.Request) (reconcile.Result, error) {
			_, err := c.Apply(ctx, store.Txn{Writes: []store.Write{store.Put(&api.NodePool{Name: "p"})}})
			return reconcile.Result{}, err
		}), &api.Node{ID: "a"})
		time.Sleep(time.Hour)
		s := w.status()
		var undeclared *reconcile.UndeclaredWriteError
		if s.Reconciles != 1 || s.Errors != 1 || s.Retries != 0 || !errors.As(s.LastError.Err, &undeclared) {
			t.Errorf("status %+v, last error %v", s, s.LastError)
		}
	})
}

func TestKindDeclaredToBeRemovedCanOnlyBeDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		start(t, reconcile.Options{}, func(m *reconcile.Manager) error {
			p := pass(func(ctx context.Context, c reconcile.Client, req reconcile.Request) (reconcile.Result, error) {
				o := &api.NodeStatus{NodeID: req.ID}
				for _, w := range []store.Write{store.Put(o), store.Delete(o.Key())} {
					_, err := c.Apply(ctx, store.Txn{Writes: []store.Write{w}})
					j.note("%v", err != nil)
				}
				return reconcile.Result{}, nil
			})
			return reconcile.NewController("test").For(api.KindNode).Writes(api.KindNodeStatus, reconcile.Removes).Complete(m, p.build)
		}, &api.Node{ID: "a"})
		j.expect(t, "true", "false")
	})
}

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
		for range 300 {
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
			"drover_controller_work_duration_seconds": 1, "drover_controller_retries_total": 1,
			"drover_controller_reconciles_total": 6,
		}
		if !maps.Equal(series, want) {
			t.Errorf("series %v, want %v", series, want)
		}
	})
}
