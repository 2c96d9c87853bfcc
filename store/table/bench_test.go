package table_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/table"
)

// alloc is the n-th of many allocations: of jobs of 10,000, on 6,100 nodes.
func alloc(n int) *api.Allocation {
	id := func(kind, n int) string {
		return fmt.Sprintf("%08x-%04x-4000-8000-%012x", uint32(n)*2654435761, kind, n)
	}
	return &api.Allocation{
		ID: id(0, n), Namespace: "default", JobID: fmt.Sprint("job-", n/10_000), TaskGroup: "web", JobType: api.JobTypeService,
		Name: api.AllocName(fmt.Sprint("job-", n/10_000), "web", n%10_000), NodeID: id(1, n%6100), NodeName: fmt.Sprint("node-", n%6100),
		EvalID: id(2, n/10_000), DeploymentID: id(3, n/10_000), DesiredStatus: api.AllocDesiredRun,
		Usage: api.Usage{CPU: 100, MemoryMB: 300, DiskMB: 300}, CreateTime: 1700000000000000000, ModifyTime: 1700000000000000000,
	}
}

// fresh decodes an allocation, as the state machine does.
func fresh(tb testing.TB, n int) table.Write {
	a := alloc(n)
	b, err := a.MarshalMsg(nil)
	if err != nil {
		tb.Fatal(err)
	}
	o, err := table.Decode(a.Key(), b)
	if err != nil {
		tb.Fatal(err)
	}
	return table.Write{Key: o.Key(), Object: o, Stored: b}
}

// fill puts n allocations into tables, with a snapshot in between now and then.
func fill(tb testing.TB, t *table.Tables, n int) {
	const batch = 1000
	for from := 0; from < n; from += batch {
		writes := make([]table.Write, batch)
		for i := range writes {
			writes[i] = fresh(tb, from+i)
		}
		if _, conflict := t.Apply(nil, writes, 300*batch); conflict != nil {
			tb.Fatal(conflict)
		}
		t.Snapshot()
	}
}

// BenchmarkPut is the cost of one new allocation among many, without decoding.
func BenchmarkPut(b *testing.B) {
	for _, size := range []int{10_000, 200_000, 1_000_000} {
		b.Run(fmt.Sprint(size, " objects"), func(b *testing.B) {
			t := table.New(table.Options{})
			defer t.Close()
			fill(b, t, size)
			const batch = 200
			n := size
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			var spent time.Duration
			for b.Loop() {
				writes := make([]table.Write, batch)
				for i := range writes {
					writes[i] = fresh(b, n)
					n++
				}
				start := cpu()
				if _, conflict := t.Apply(nil, writes, 300*batch); conflict != nil {
					b.Fatal(conflict)
				}
				t.Snapshot()
				spent += cpu() - start
			}
			b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N*batch), "ns/object")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkSnapshotAfterWrite is a write of one object and a snapshot of everything.
func BenchmarkSnapshotAfterWrite(b *testing.B) {
	t := table.New(table.Options{})
	defer t.Close()
	fill(b, t, 100_000)
	for n := 0; b.Loop(); n = (n + 1) % 100_000 {
		w := fresh(b, n)
		if _, conflict := t.Apply(nil, []table.Write{w}, 300); conflict != nil {
			b.Fatal(conflict)
		}
		t.Snapshot()
	}
}

// BenchmarkScanNode is reading the allocations of one of 6,100 nodes.
func BenchmarkScanNode(b *testing.B) {
	t := table.New(table.Options{})
	defer t.Close()
	fill(b, t, 500_000)
	snap := t.Snapshot()
	node := alloc(7).NodeID
	n := 0
	for b.Loop() {
		for a := range store.List[*api.Allocation](snap, store.Query{Index: store.ByNode, Value: node}) {
			n += len(a.ID)
		}
	}
}

// BenchmarkMemory is the heap that one allocation takes, with all its indexes.
func BenchmarkMemory(b *testing.B) {
	const size = 200_000
	for b.Loop() {
		before := heap()
		t := table.New(table.Options{FeedChanges: 1000})
		fill(b, t, size)
		b.ReportMetric(float64(heap()-before)/size, "B/object")
		t.Close()
		runtime.KeepAlive(t)
	}
	b.ReportMetric(0, "ns/op")
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// cpu is the time that this thread has used: the machine may be busy with others.
func cpu() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(err)
	}
	return time.Duration(t.Nano())
}
