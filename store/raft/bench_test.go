package raft_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/raft"
)

// record is an allocation that takes some 300 bytes, of a job of 10,000.
func record(n int64) *api.Allocation {
	id := func(kind, n int64) string {
		return fmt.Sprintf("%08x-%04x-4000-8000-%012x", uint32(n)*2654435761, kind, n)
	}
	job := fmt.Sprint("job-", n/10_000)
	return &api.Allocation{
		ID: id(0, n), Namespace: "default", JobID: job, TaskGroup: "web", JobType: api.JobTypeService,
		Name: api.AllocName(job, "web", int(n%10_000)), NodeID: id(1, n%500), NodeName: "node",
		EvalID: id(2, n/10_000), DeploymentID: id(3, n/10_000),
		DesiredStatus: api.AllocDesiredRun, Usage: api.Usage{CPU: 100, MemoryMB: 300, DiskMB: 300},
		CreateTime: 1700000000000000000 + n, ModifyTime: 1700000000000000000 + n,
	}
}

func benchStore(b *testing.B) store.Store {
	s, err := raft.Open(raft.Options{DataDir: b.TempDir(), ServerID: "s1"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	if err := s.Sync(b.Context()); err != nil {
		b.Fatal(err)
	}
	return s
}

// BenchmarkApplyOne is the latency of a writer that is alone.
func BenchmarkApplyOne(b *testing.B) {
	s := benchStore(b)
	for n := int64(0); b.Loop(); n++ {
		if _, err := s.Apply(b.Context(), store.Txn{Writes: []store.Write{store.Put(record(n))}}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkApplyMany is single writes by many writers at once.
func BenchmarkApplyMany(b *testing.B) {
	for _, writers := range []int{8, 64, 512} {
		b.Run(fmt.Sprint(writers, " writers"), func(b *testing.B) {
			s := benchStore(b)
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ResetTimer()
			for range writers {
				wg.Go(func() {
					for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
						if _, err := s.Apply(b.Context(), store.Txn{Writes: []store.Write{store.Put(record(n))}}); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// BenchmarkApplyBatches is transactions of 200 records of some 300 bytes, by eight
// writers.
func BenchmarkApplyBatches(b *testing.B) {
	const batch, writers = 200, 8
	s := benchStore(b)
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range writers {
		wg.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				txn := store.Txn{Writes: make([]store.Write, batch)}
				for i := range txn.Writes {
					txn.Writes[i] = store.Put(record(n*batch + int64(i)))
				}
				if _, err := s.Apply(b.Context(), txn); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkOpen is a start with 100,000 objects on disk, to a leader.
func BenchmarkOpen(b *testing.B) {
	for _, size := range []int{0, 100_000} {
		b.Run(fmt.Sprint(size, " objects"), func(b *testing.B) {
			o := raft.Options{DataDir: b.TempDir(), ServerID: "s1"}
			fill(b, o, size)
			for b.Loop() {
				s, err := raft.Open(o)
				if err != nil {
					b.Fatal(err)
				}
				if err := s.Sync(b.Context()); err != nil {
					b.Fatal(err)
				}
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func fill(b *testing.B, o raft.Options, size int) {
	s, err := raft.Open(o)
	if err != nil {
		b.Fatal(err)
	}
	const batch = 1000
	for n := 0; n < size; n += batch {
		var txn store.Txn
		for i := range batch {
			txn.Writes = append(txn.Writes, store.Put(record(int64(n+i))))
		}
		if _, err := s.Apply(b.Context(), txn); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}
