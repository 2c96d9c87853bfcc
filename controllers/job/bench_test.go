package job_test

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/allocation"
	"github.com/droverhq/drover/controllers/job"
	"github.com/droverhq/drover/controllers/scenario"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/mem"
)

// BenchmarkTenThousandOn500Nodes is one job of 10,000 instances: from registering it
// to the answer of its evaluation. The metric is allocations placed and committed a
// second; the design wants 50,000.
func BenchmarkTenThousandOn500Nodes(b *testing.B) { benchmark(b, 1, 10_000) }

// Benchmark200JobsOf50 is the design's second row: 10,000 a second are wanted.
func Benchmark200JobsOf50(b *testing.B) { benchmark(b, 200, 50) }

// BenchmarkOneFailure is one instance that fails in a job of so many: from its node's
// report to its successor running. The design wants less than 10 ms of CPU, however large
// the job is.
func BenchmarkOneFailure(b *testing.B) {
	for _, count := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("of_%d", count), func(b *testing.B) {
			s, stop := start(b, count/40, allocation.Register)
			defer stop()
			registerJob(b, s, "big", count)
			waitFor(b, s, func(snap store.Snapshot) bool {
				return store.Count[*api.Allocation](snap, store.Query{}) == count
			})
			var first *api.Allocation
			for a := range store.List[*api.Allocation](s.Snapshot(), store.Query{}) {
				report(b, s, a, api.AllocClientRunning)
				first = a
			}
			fail := func() {
				report(b, s, first, api.AllocClientFailed)
				next := ""
				waitFor(b, s, func(snap store.Snapshot) bool {
					a, _ := store.Get[*api.Allocation](snap, first.Key())
					next = a.NextAllocation
					return next != ""
				})
				first, _ = store.Get[*api.Allocation](s.Snapshot(), (&api.Allocation{ID: next}).Key())
				report(b, s, first, api.AllocClientRunning)
			}
			fail() // the first pass over the job as it runs reads all of it
			before, n := cpu(b), 0
			for b.Loop() {
				fail()
				n++
			}
			b.ReportMetric(float64((cpu(b)-before).Microseconds())/1000/float64(n), "cpu-ms/failure")
		})
	}
}

// BenchmarkBacklog is one instance that completes of a batch job of 50,000 that has room
// for 160: until the next one runs in its room.
func BenchmarkBacklog(b *testing.B) {
	const count, nodes, room = 50_000, 4, 160
	s, stop := start(b, nodes, allocation.Register)
	defer stop()
	spec := scenario.NewSpec("backlog")
	spec.Type, spec.Count, spec.CPU, spec.Memory, spec.MaxParallel = api.JobTypeBatch, count, 4000*nodes/room, 10, -1
	submit(b, s, spec.Job())
	waitFor(b, s, func(snap store.Snapshot) bool { return store.Count[*api.Allocation](snap, store.Query{}) == room })
	var running []*api.Allocation
	for a := range store.List[*api.Allocation](s.Snapshot(), store.Query{}) {
		report(b, s, a, api.AllocClientRunning)
		running = append(running, a)
	}
	before, placed := cpu(b), room
	for b.Loop() {
		report(b, s, running[0], api.AllocClientComplete)
		placed++
		waitFor(b, s, func(snap store.Snapshot) bool { return store.Count[*api.Allocation](snap, store.Query{}) == placed })
		known := make(map[string]bool, len(running))
		for _, a := range running {
			known[a.ID] = true
		}
		running = running[1:]
		for a := range store.List[*api.Allocation](s.Snapshot(), store.Query{}) {
			if a.CreateIndex+20 > s.Snapshot().Index() && !known[a.ID] {
				report(b, s, a, api.AllocClientRunning)
				running = append(running, a)
			}
		}
	}
	b.ReportMetric(float64((cpu(b)-before).Microseconds())/1000/float64(b.N), "cpu-ms/completion")
}

// cpu is what this process has used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// report says what became of an allocation.
func report(b *testing.B, s store.Store, a *api.Allocation, state string) {
	b.Helper()
	now := time.Now()
	task := &api.TaskState{State: api.TaskStateRunning, StartedAt: &now}
	if state == api.AllocClientFailed {
		task.State, task.Failed, task.FinishedAt = api.TaskStateDead, true, &now
	}
	if state == api.AllocClientComplete {
		task.State, task.FinishedAt = api.TaskStateDead, &now
	}
	_, err := s.Apply(context.Background(), store.Txn{Writes: []store.Write{store.Put(&api.AllocationStatus{
		ID: a.ID, NodeID: a.NodeID, Namespace: a.Namespace, JobID: a.JobID, ClientStatus: state,
		TaskStates: map[string]*api.TaskState{"app": task}, ModifyTime: now.UnixNano(),
	})}})
	if err != nil {
		b.Fatal(err)
	}
}

func benchmark(b *testing.B, jobs, count int) {
	const nodes = 500
	for b.Loop() {
		b.StopTimer()
		s, stop := start(b, nodes)
		b.StartTimer()
		for n := range jobs {
			registerJob(b, s, fmt.Sprintf("job-%03d", n), count)
		}
		waitFor(b, s, func(snap store.Snapshot) bool {
			return store.Count[*api.Evaluation](snap, store.Query{Index: store.ByStatus, Value: api.EvalComplete}) == jobs
		})
		b.StopTimer()
		if got := store.Count[*api.Allocation](s.Snapshot(), store.Query{}); got != jobs*count {
			b.Fatalf("%d allocations of %d", got, jobs*count)
		}
		stop()
		b.StartTimer()
	}
	b.ReportMetric(float64(jobs*count*b.N)/b.Elapsed().Seconds(), "allocs/s")
}

// start makes a store with nodes and runs the controller over it, and more.
func start(b *testing.B, nodes int, more ...func(*reconcile.Manager, allocation.Options) error) (s *mem.Store, stop func()) {
	b.Helper()
	s = mem.New(mem.Options{ServerID: "server-1"})
	var txn store.Txn
	for n := range nodes {
		id := fmt.Sprintf("node-%04d", n)
		txn.Writes = append(txn.Writes,
			store.Put(scenario.NewNode(id, "dc1", "", 4000, 8192)),
			store.Put(&api.NodeStatus{NodeID: id, Status: api.NodeReady}))
	}
	if _, err := s.Apply(context.Background(), txn); err != nil {
		b.Fatal(err)
	}
	m, err := reconcile.NewManager(reconcile.Options{Store: s, ServerID: "server-1"})
	if err != nil {
		b.Fatal(err)
	}
	if err := job.Register(m, job.Options{}); err != nil {
		b.Fatal(err)
	}
	for _, register := range more {
		if err := register(m, allocation.Options{}); err != nil {
			b.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Start(ctx) }()
	waitFor(b, s, func(store.Snapshot) bool { return m.Term() != 0 })
	return s, func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	}
}

func registerJob(b *testing.B, s store.Store, id string, count int) {
	b.Helper()
	spec := scenario.NewSpec(id)
	spec.Count, spec.CPU, spec.Memory, spec.MaxParallel, spec.Delay = count, 10, 10, -1, time.Nanosecond
	submit(b, s, spec.Job())
}

func submit(b *testing.B, s store.Store, j *api.Job) {
	b.Helper()
	id := *j.ID
	j.Version = new(uint64(0))
	_, err := s.Apply(context.Background(), store.Txn{Writes: []store.Write{
		store.Put(j), store.Put(&api.JobVersion{Job: j}),
		store.Put(&api.Evaluation{
			ID: "eval-" + id, Namespace: api.DefaultNamespace, JobID: id, Type: *j.Type,
			Status: api.EvalPending, TriggeredBy: api.TriggerJobRegister, CreateTime: time.Now().UnixNano(),
		}),
	}})
	if err != nil {
		b.Fatal(err)
	}
}

// waitFor follows the store until a condition holds.
func waitFor(b *testing.B, s store.Store, holds func(store.Snapshot) bool) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		snap := s.Snapshot()
		if holds(snap) {
			return
		}
		if err := s.WaitIndex(ctx, snap.Index()+1); err != nil {
			b.Fatalf("wait: %v", err)
		}
	}
}
