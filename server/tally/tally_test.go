package tally

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/mem"
	"github.com/droverhq/drover/store/table"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a store whose allocations are counted.
type world struct {
	t interface {
		Helper()
		Fatalf(string, ...any)
	}
	store *mem.Store
	tally *Tally
	stop  func()
}

func newWorld(t *rapid.T, o table.Options) *world {
	w := &world{t: t, store: mem.New(mem.Options{Tables: o})}
	w.tally = New(w.store)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.tally.Start(ctx) }()
	w.stop = func() {
		cancel()
		if err := errors.Join(<-done, w.store.Close()); err != nil {
			t.Fatalf("stop: %v", err)
		}
	}
	return w
}

func (w *world) apply(writes ...store.Write) {
	w.t.Helper()
	if _, err := w.store.Apply(context.Background(), store.Txn{Writes: writes}); err != nil {
		w.t.Fatalf("apply: %v", err)
	}
}

// summary is what the tally says of a job as it is now.
func (w *world) summary(id string) map[string]api.TaskGroupSummary {
	w.t.Helper()
	s := api.NewSummary(specOf(id), nil)
	if err := w.tally.Add(context.Background(), w.store.Snapshot().Index(), s); err != nil {
		w.t.Fatalf("summary of %s: %v", id, err)
	}
	return s.Summary
}

// counted is what is found by counting.
func (w *world) counted(id string) map[string]api.TaskGroupSummary {
	snap := w.store.Snapshot()
	s := api.NewSummary(specOf(id), nil)
	for a := range store.List[*api.Allocation](snap, store.Query{Index: store.ByJob, Value: store.JobValue("default", id)}) {
		status, _ := store.Get[*api.AllocationStatus](snap, api.Key{Kind: api.KindAllocationStatus, ID: a.ID})
		s.CountAllocation(a, status)
	}
	return s.Summary
}

func specOf(id string) *api.Job {
	return &api.Job{ID: &id, Namespace: new("default"), TaskGroups: []*api.TaskGroup{{Name: new("web")}, {Name: new("db")}}}
}

// TestSummariesAreWhatCountingFinds whatever is written in which order, whether the job
// has been counted already or not, and whether the feed has lost changes.
func TestSummariesAreWhatCountingFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, table.Options{FeedChanges: rapid.SampledFrom([]int{2, 10_000}).Draw(t, "feed")})
		defer w.stop()
		jobs := []string{"one", "two"}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			var writes []store.Write
			for _, id := range rapid.SliceOfNDistinct(rapid.IntRange(0, 11), 1, 4, rapid.ID[int]).Draw(t, "allocs") {
				if put, ok := write(t, w.store.Snapshot(), fmt.Sprintf("alloc-%d", id), jobs[id%len(jobs)]); ok {
					writes = append(writes, put)
				}
			}
			if len(writes) > 0 {
				w.apply(writes...)
			}
			if !rapid.Bool().Draw(t, "look") {
				continue
			}
			job := rapid.SampledFrom(jobs).Draw(t, "job")
			if d := cmp.Diff(w.counted(job), w.summary(job)); d != "" {
				t.Fatalf("summary of %s, counted − and kept +:\n%s", job, d)
			}
		}
	})
}

// write returns a write of an allocation, or of its status; false for a delete of nothing.
func write(t *rapid.T, snap store.Snapshot, id, job string) (store.Write, bool) {
	lost := rapid.SampledFrom([]string{"", "", api.AllocClientLost, api.AllocClientUnknown}).Draw(t, "lost")
	said := rapid.SampledFrom([]string{api.AllocClientPending, api.AllocClientRunning, api.AllocClientComplete, api.AllocClientFailed}).Draw(t, "said")
	kind := rapid.SampledFrom([]api.Kind{api.KindAllocation, api.KindAllocationStatus}).Draw(t, "kind")
	key := api.Key{Kind: kind, ID: id}
	switch {
	case rapid.IntRange(0, 3).Draw(t, "delete") == 0:
		_, there := snap.Get(key)
		return store.Write{Delete: key}, there
	case kind == api.KindAllocationStatus:
		return store.Put(&api.AllocationStatus{ID: id, Namespace: "default", JobID: job, ClientStatus: said}), true
	}
	group := rapid.SampledFrom([]string{"web", "db"}).Draw(t, "group")
	return store.Put(&api.Allocation{ID: id, Namespace: "default", JobID: job, TaskGroup: group, Lost: lost}), true
}

// start returns a tally that follows an empty store, until it is stopped.
func start(t testing.TB) (s *mem.Store, tally *Tally, stop func()) {
	s = mem.New(mem.Options{})
	tally = New(s)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- tally.Start(ctx) }()
	return s, tally, func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// TestATransactionThatChangesNothingHoldsUpNobody: the feed says nothing of it.
func TestATransactionThatChangesNothingHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, tally, stop := start(t)
		ctx := t.Context()
		for range 2 {
			r, err := s.Apply(ctx, store.Txn{Writes: []store.Write{{Delete: api.Key{Kind: api.KindAllocation, ID: "none"}}}})
			if err != nil {
				t.Fatal(err)
			}
			if err := tally.Add(ctx, r.Index, api.NewSummary(specOf("one"), nil)); err != nil {
				t.Error(err)
			}
		}
		stop()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestNobodyAsksSoNothingIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, tally, stop := start(t)
		ctx := t.Context()
		put := func() {
			t.Helper()
			a := &api.Allocation{ID: "a", Namespace: "default", JobID: "one", TaskGroup: "web"}
			if _, err := s.Apply(ctx, store.Txn{Writes: []store.Write{store.Put(a)}}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		kept := func() []string {
			tally.mu.Lock()
			defer tally.mu.Unlock()
			return slices.Collect(maps.Keys(tally.jobs))
		}
		put()
		if got := kept(); len(got) != 0 {
			t.Errorf("counted before anybody asked: %q", got)
		}
		if err := tally.Add(ctx, s.Snapshot().Index(), api.NewSummary(specOf("one"), nil)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(keptFor / 2)
		if put(); len(kept()) != 1 {
			t.Error("forgotten too soon")
		}
		time.Sleep(keptFor)
		if put(); len(kept()) != 0 {
			t.Error("not forgotten")
		}
		stop()
		err := tally.Add(t.Context(), 1, api.NewSummary(specOf("one"), nil))
		if !errors.Is(err, ErrStopped) {
			t.Errorf("after the end: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// BenchmarkSummary is what it costs to read the summary of a job, which changes between
// two reads.
func BenchmarkSummary(b *testing.B) {
	for _, count := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			s, tally, stop := start(b)
			ctx := b.Context()
			var writes []store.Write
			for n := range count {
				writes = append(writes, store.Put(&api.Allocation{ID: fmt.Sprint(n), Namespace: "default", JobID: "one", TaskGroup: "web"}))
			}
			apply := func(writes ...store.Write) uint64 {
				r, err := s.Apply(ctx, store.Txn{Writes: writes})
				if err != nil {
					b.Fatal(err)
				}
				return r.Index
			}
			for chunk := range slices.Chunk(writes, 10_000) {
				apply(chunk...)
			}
			read := func(index uint64) {
				summary := api.NewSummary(specOf("one"), nil)
				if err := tally.Add(ctx, index, summary); err != nil || summary.Summary["web"].Starting+summary.Summary["web"].Running != count {
					b.Fatalf("%v, %+v", err, summary.Summary)
				}
			}
			read(s.Snapshot().Index())
			n := 0
			for b.Loop() {
				n++
				id := fmt.Sprint(n % count)
				read(apply(store.Put(&api.AllocationStatus{ID: id, Namespace: "default", JobID: "one", ClientStatus: api.AllocClientRunning})))
			}
			stop()
			if err := s.Close(); err != nil {
				b.Error(err)
			}
		})
	}
}
