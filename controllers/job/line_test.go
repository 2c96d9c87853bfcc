package job_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/job"
	"github.com/droverhq/drover/controllers/scenario"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/reconcile/reconciletest"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/mem"
)

func do(t *testing.T, c *scenario.Cluster, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if _, err := c.Do(line); err != nil {
			t.Fatal(err)
		}
	}
	c.Settle()
}

func TestRoomWakesFewOfManyThatWait(t *testing.T) {
	const waiting = 500
	synctest.Test(t, func(t *testing.T) {
		c := scenario.New(t, register)
		do(t, c, "node n1 cpu=1000", "run first cpu=1000")
		for n := range waiting {
			do(t, c, fmt.Sprintf("run w%03d type=batch cpu=1000", n))
		}
		do(t, c, "agents")
		before := c.Status("job").Reconciles
		c.Advance(24 * time.Hour)
		do(t, c, "node n2 cpu=10")
		if passes := c.Status("job").Reconciles - before; passes > 0 {
			t.Errorf("%d passes in a day in which no room was gained", passes)
		}
		index := c.Store.Snapshot().Index()
		do(t, c, "stop first")
		do(t, c, "agents")
		if passes := c.Status("job").Reconciles - before; passes > 6 {
			t.Errorf("room for one of %d made %d passes", waiting, passes)
		}
		if a := c.Latest("w000.web[0]"); a == nil {
			t.Error("who has waited for longest did not get the room")
		}
		if written := c.Store.Snapshot().Index() - index; written > 6 {
			t.Errorf("room for one of %d made %d transactions", waiting, written)
		}
	})
}

func TestABatchGroupOfTensOfThousandsDrainsThroughLittleRoom(t *testing.T) {
	const count, room = 24_000, 1_200 // more room at once than is tried in one pass
	synctest.Test(t, func(t *testing.T) {
		c := scenario.New(t, register)
		do(t, c, fmt.Sprintf("node n1 cpu=%d mem=%d", room*10, room*10), fmt.Sprintf("run drain type=batch count=%d cpu=10 mem=10", count))
		for range count / room {
			var done []api.Object
			for a := range reconciletest.List[*api.Allocation](c.World) {
				if _, ended := reconciletest.Find[*api.AllocationStatus](c.World, (&api.AllocationStatus{ID: a.ID}).Key()); !ended {
					done = append(done, c.Report(a, api.AllocClientComplete))
				}
			}
			if len(done) != room {
				t.Fatalf("%d run, there is room for %d", len(done), room)
			}
			c.Put(done...)
			c.Settle()
		}
		s := reconciletest.Get[*api.JobStatus](c.World, api.JobStatusKey(api.DefaultNamespace, "drain"))
		if s.Status != api.JobStatusDead || len(s.Queued) > 0 {
			t.Errorf("at the end it is %s with %v queued", s.Status, s.Queued)
		}
	})
}

func TestAJobIsNeverDeadWhileInstancesOfItAreQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := scenario.New(t, register)
		do(t, c, "node n1 cpu=100", "run batch type=batch count=3 cpu=100", "run none type=batch count=2 cpu=200", "run service count=1 cpu=100")
		for range 3 {
			for s := range reconciletest.List[*api.JobStatus](c.World) {
				if len(s.Queued) > 0 && s.Status == api.JobStatusDead {
					t.Errorf("%s is dead with %v queued", s.JobID, s.Queued)
				}
			}
			for a := range reconciletest.List[*api.Allocation](c.World) {
				c.Put(c.Report(a, api.AllocClientComplete))
			}
			c.Settle()
		}
	})
}

// flawed is a store some of whose transactions fail.
type flawed struct {
	*mem.Store
	mu    sync.Mutex // guards what is below
	fails map[int]error
	count int // of transactions with allocations
	sizes []int
}

func (f *flawed) Apply(ctx context.Context, txn store.Txn) (store.Result, error) {
	allocations := 0
	for _, w := range txn.Writes {
		if w.Key().Kind == api.KindAllocation {
			allocations++
		}
	}
	if allocations > 0 {
		f.mu.Lock()
		f.count++
		err := f.fails[f.count]
		f.sizes = append(f.sizes, allocations)
		f.mu.Unlock()
		if err != nil {
			return store.Result{}, err
		}
	}
	return f.Store.Apply(ctx, txn)
}

func TestPassThatBreaksOffIsMadeAgain(t *testing.T) {
	const count = 5000
	synctest.Test(t, func(t *testing.T) {
		s := &flawed{Store: mem.New(mem.Options{ServerID: "server-1"}), fails: map[int]error{
			2: errors.New("disk full"), 4: &store.ConflictError{Key: api.JobKey(api.DefaultNamespace, "shop")}, 5: errors.New("disk full"),
		}}
		m, err := reconcile.NewManager(reconcile.Options{Store: s, ServerID: "server-1"})
		if err != nil {
			t.Fatal(err)
		}
		if err := job.Register(m, job.Options{}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := m.Start(ctx); err != nil {
				t.Error(err)
			}
		})
		spec := scenario.NewSpec("shop")
		spec.Count, spec.CPU, spec.Memory = count, 1, 1
		j := spec.Job()
		j.Version = new(uint64(0))
		_, err = s.Apply(ctx, store.Txn{Writes: []store.Write{
			// There is room for exactly all: what a failed transaction took must come back.
			store.Put(scenario.NewNode("n1", "dc1", "", count, count)),
			store.Put(&api.NodeStatus{NodeID: "n1", Status: api.NodeReady}),
			store.Put(j), store.Put(&api.JobVersion{Job: j}),
			store.Put(&api.Evaluation{ID: "asked", Namespace: "default", JobID: "shop", Status: api.EvalPending}),
		}})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute) // all retries
		synctest.Wait()
		e, _ := store.Get[*api.Evaluation](s.Snapshot(), (&api.Evaluation{ID: "asked"}).Key())
		names := make(map[string]bool)
		for a := range store.List[*api.Allocation](s.Snapshot(), store.Query{}) {
			names[a.Name] = true
		}
		if len(names) != count || store.Count[*api.Allocation](s.Snapshot(), store.Query{}) != count || e.Status != api.EvalComplete {
			t.Errorf("%d names of %d, evaluation %s, transactions of %v", len(names), count, e.Status, s.sizes)
		}
		for _, size := range s.sizes {
			if size > 2000 {
				t.Errorf("a transaction writes %d allocations", size)
			}
		}
		cancel()
		running.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
