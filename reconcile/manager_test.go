package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/mem"
	"github.com/droverhq/drover/store/table"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// feedChanges is how many changes the feed keeps: more makes tests slow.
const feedChanges = 20_000

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
	w := &world{T: t, store: mem.New(mem.Options{ServerID: "me", Tables: table.Options{FeedChanges: feedChanges}}), ended: make(chan error, 1)}
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
