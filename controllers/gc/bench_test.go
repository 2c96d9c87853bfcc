package gc_test

import (
	"fmt"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/gc"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/mem"
)

// A pass over a busy cluster that finds nothing, for each allocation.
func BenchmarkPassPerAllocation(b *testing.B) {
	const n = 200_000
	s := mem.New(mem.Options{})
	for i := range n / 1000 {
		var txn store.Txn
		for k := range 1000 {
			id := fmt.Sprintf("%d-%d", i, k)
			txn.Writes = append(txn.Writes,
				store.Put(&api.Allocation{ID: id, Namespace: "default", JobID: fmt.Sprint(i), NodeID: fmt.Sprint(k), DesiredStatus: api.AllocDesiredRun}),
				store.Put(&api.AllocationStatus{ID: id, Namespace: "default", JobID: fmt.Sprint(i), NodeID: fmt.Sprint(k), ClientStatus: api.AllocClientRunning}))
		}
		if _, err := s.Apply(b.Context(), txn); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	for i := 0; i < b.N; i += n {
		if report, err := gc.Collect(b.Context(), s, now, gc.Options{}); err != nil || report.Removed != 0 {
			b.Fatal(report, err)
		}
	}
	b.StopTimer()
	if err := s.Close(); err != nil {
		b.Error(err)
	}
}
