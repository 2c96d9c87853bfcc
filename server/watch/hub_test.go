package watch_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/server/watch"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/mem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is a hub over a store, in a bubble of virtual time.
type fixture struct {
	t     *testing.T
	store *mem.Store
	hub   *watch.Hub
	stop  func()
}

func run(t *testing.T, o mem.Options, test func(f *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &fixture{t: t, store: mem.New(o)}
		f.hub = watch.NewHub(f.store)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := f.hub.Start(ctx); err != nil {
				t.Errorf("hub: %v", err)
			}
		})
		f.stop = func() { cancel(); running.Wait() }
		test(f)
		f.stop()
		if err := f.store.Close(); err != nil {
			t.Error(err)
		}
	})
}

func (f *fixture) apply(writes ...store.Write) uint64 {
	f.t.Helper()
	r, err := f.store.Apply(f.t.Context(), store.Txn{Writes: writes})
	if err != nil {
		f.t.Fatal(err)
	}
	return r.Index
}

// wait starts a Wait and returns where its result comes.
func (f *fixture) wait(after uint64, topics ...watch.Topic) <-chan error {
	done := make(chan error, 1)
	go func() { done <- f.hub.Wait(f.t.Context(), after, topics...) }()
	return done
}

// settled reports what came once nothing moves any more.
func (f *fixture) settled(done <-chan error) (error, bool) {
	synctest.Wait()
	select {
	case err := <-done:
		return err, true
	default:
		return nil, false
	}
}

func (f *fixture) returns(done <-chan error) {
	f.t.Helper()
	if err, ok := f.settled(done); !ok || err != nil {
		f.t.Fatalf("Wait returned: %v, error %v", ok, err)
	}
}

func (f *fixture) blocks(done <-chan error) {
	f.t.Helper()
	if err, ok := f.settled(done); ok {
		f.t.Fatalf("Wait returned with error %v, expected it to wait", err)
	}
}

func job(id string) *api.Job { return &api.Job{Namespace: new("default"), ID: &id} }

func TestAWaiterWakesWhenItsObjectChangesAndNotForOthers(t *testing.T) {
	run(t, mem.Options{}, func(f *fixture) {
		at := f.apply(store.Put(job("a")), store.Put(job("b")))
		done := f.wait(at, watch.Object(api.JobKey("default", "a")))
		f.blocks(done)
		f.apply(store.Put(job("b")))
		f.blocks(done)
		f.apply(store.Put(job("a")))
		f.returns(done)
	})
}

func TestAWaiterWakesWhenItsObjectIsDeletedOrCreated(t *testing.T) {
	run(t, mem.Options{}, func(f *fixture) {
		at := f.apply(store.Put(job("a")))
		gone := f.wait(at, watch.Object(api.JobKey("default", "a")))
		f.blocks(gone)
		at = f.apply(store.Delete(api.JobKey("default", "a")))
		f.returns(gone)
		back := f.wait(at, watch.Object(api.JobKey("default", "a")))
		f.blocks(back)
		f.apply(store.Put(job("a")))
		f.returns(back)
	})
}

func TestAWaiterWakesForEveryIndexThatListsTheObject(t *testing.T) {
	a := &api.Allocation{ID: "x", Namespace: "default", JobID: "j", NodeID: "n", EvalID: "e", DeploymentID: "d"}
	status := &api.AllocationStatus{ID: "x", Namespace: "default", JobID: "j", NodeID: "n"}
	child := &api.Job{Namespace: new("default"), ID: new("j/1"), ParentID: new("j")}
	ofJob := store.JobValue("default", "j")
	for name, c := range map[string]struct {
		topic  watch.Topic
		object api.Object
	}{
		"allocations of a job":        {watch.Index(api.KindAllocation, store.ByJob, ofJob), a},
		"allocations of a node":       {watch.Index(api.KindAllocation, store.ByNode, "n"), a},
		"allocations of a deployment": {watch.Index(api.KindAllocation, store.ByDeployment, "d"), a},
		"allocations of an eval":      {watch.Index(api.KindAllocation, store.ByEval, "e"), a},
		"statuses of a job":           {watch.Index(api.KindAllocationStatus, store.ByJob, ofJob), status},
		"statuses of a node":          {watch.Index(api.KindAllocationStatus, store.ByNode, "n"), status},
		"evaluations of a job":        {watch.Index(api.KindEvaluation, store.ByJob, ofJob), &api.Evaluation{ID: "x", Namespace: "default", JobID: "j"}},
		"deployments of a job":        {watch.Index(api.KindDeployment, store.ByJob, ofJob), &api.Deployment{ID: "x", Namespace: "default", JobID: "j"}},
		"versions of a job":           {watch.Index(api.KindJobVersion, store.ByJob, ofJob), &api.JobVersion{Job: job("j")}},
		"children of a job":           {watch.Index(api.KindJob, store.ByParent, ofJob), child},
		"all of a kind":               {watch.Kind(api.KindAllocation), a},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, mem.Options{}, func(f *fixture) {
				done := f.wait(f.apply(store.Put(job("other"))), c.topic)
				f.blocks(done)
				f.apply(store.Put(c.object))
				f.returns(done)
			})
		})
	}
}

func TestAWaiterWakesWhenAnObjectLeavesItsIndex(t *testing.T) {
	run(t, mem.Options{}, func(f *fixture) {
		at := f.apply(store.Put(&api.Allocation{ID: "x", DeploymentID: "old"}))
		done := f.wait(at, watch.Index(api.KindAllocation, store.ByDeployment, "old"))
		f.blocks(done)
		f.apply(store.Put(&api.Allocation{ID: "x", DeploymentID: "new"}))
		f.returns(done)
	})
}

func TestWhoAsksWithTheIndexOfTheLastAnswerMissesNothing(t *testing.T) {
	run(t, mem.Options{}, func(f *fixture) {
		at := f.apply(store.Put(job("a")))
		synctest.Wait()
		f.apply(store.Put(job("b")))
		f.apply(store.Put(job("a")))
		f.apply(store.Put(job("b")))
		synctest.Wait()
		f.returns(f.wait(at, watch.Object(api.JobKey("default", "a"))))
		f.blocks(f.wait(f.store.Snapshot().Index(), watch.Object(api.JobKey("default", "a"))))
		f.apply(store.Put(job("a"))) // wakes the one above
		synctest.Wait()
	})
}

func TestWhoAsksForWhatIsForgottenIsAnsweredAtOnce(t *testing.T) {
	run(t, mem.Options{}, func(f *fixture) {
		at := f.apply(store.Put(job("a")))
		// Each change has at least two topics, of 65,536 that are remembered.
		for range 40 {
			var writes []store.Write
			for i := range 1000 {
				writes = append(writes, store.Put(job(fmt.Sprintf("other-%d", i))))
			}
			f.apply(writes...)
		}
		synctest.Wait()
		f.returns(f.wait(at, watch.Object(api.JobKey("default", "a"))))
	})
}

func TestWhoAsksFromBeforeTheHubStartedIsAnsweredAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mem.New(mem.Options{})
		defer func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}()
		if _, err := s.Apply(t.Context(), store.Txn{Writes: []store.Write{store.Put(job("a"))}}); err != nil {
			t.Fatal(err)
		}
		if err := watch.NewHub(s).Wait(t.Context(), 0, watch.Kind(api.KindNode)); err != nil {
			t.Error(err)
		}
	})
}

func TestAnIndexInTheFutureIsWaitedFor(t *testing.T) {
	run(t, mem.Options{}, func(f *fixture) {
		at := f.apply(store.Put(job("a")))
		done := f.wait(at+1, watch.Object(api.JobKey("default", "a")))
		f.apply(store.Put(job("a")))
		f.blocks(done)
		f.apply(store.Put(job("a")))
		f.returns(done)
	})
}

func TestAWaitEndsWithItsContextAndLeavesNothingBehind(t *testing.T) {
	run(t, mem.Options{}, func(f *fixture) {
		ctx, cancel := context.WithTimeout(f.t.Context(), time.Minute)
		defer cancel()
		if err := f.hub.Wait(ctx, f.apply(store.Put(job("a"))), watch.Kind(api.KindNode)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait: %v", err)
		}
		if n := f.hub.Waiting(); n != 0 {
			t.Errorf("%d still wait", n)
		}
	})
}

func TestThousandsWaitAndOnlyWhoIsConcernedWakes(t *testing.T) {
	run(t, mem.Options{}, func(f *fixture) {
		const many = 5000
		at := f.apply(store.Put(job("a")))
		var waits []<-chan error
		for i := range many {
			waits = append(waits, f.wait(at, watch.Index(api.KindAllocation, store.ByNode, fmt.Sprint(i)), watch.Kind(api.KindNode)))
		}
		synctest.Wait()
		if n := f.hub.Waiting(); n != many {
			t.Fatalf("%d wait, want %d", n, many)
		}
		f.apply(store.Put(&api.Allocation{ID: "x", NodeID: "17"}))
		f.returns(waits[17])
		if n := f.hub.Waiting(); n != many-1 {
			t.Errorf("%d wait after one was concerned, want %d", n, many-1)
		}
		f.apply(store.Put(&api.Node{ID: "n"}))
		for i, w := range waits {
			if i != 17 {
				f.returns(w)
			}
		}
	})
}

func TestWhoWaitsIsWokenWhenTheHubFallsBehind(t *testing.T) {
	run(t, mem.Options{}, func(f *fixture) {
		done := f.wait(f.apply(store.Put(job("a"))), watch.Kind(api.KindNode))
		f.blocks(done)
		var backup bytes.Buffer
		if err := f.store.Save(f.t.Context(), &backup); err != nil {
			t.Fatal(err)
		}
		if err := f.store.Restore(f.t.Context(), &backup); err != nil {
			t.Fatal(err)
		}
		f.returns(done)
		next := f.wait(f.store.Snapshot().Index(), watch.Kind(api.KindNode))
		f.blocks(next)
		f.apply(store.Put(&api.Node{ID: "n"}))
		f.returns(next)
	})
}

func TestWhoWaitsIsToldThatTheHubStopped(t *testing.T) {
	run(t, mem.Options{}, func(f *fixture) {
		done := f.wait(f.apply(store.Put(job("a"))), watch.Kind(api.KindNode))
		f.blocks(done)
		f.stop()
		if err, _ := f.settled(done); !errors.Is(err, watch.ErrStopped) {
			t.Errorf("Wait: %v", err)
		}
		if err := f.hub.Wait(f.t.Context(), 0, watch.Kind(api.KindNode)); !errors.Is(err, watch.ErrStopped) {
			t.Errorf("Wait after the end: %v", err)
		}
	})
}
