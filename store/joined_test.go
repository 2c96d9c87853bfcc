package store_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/mem"
)

func TestEachAllocationIsJoinedWithItsOwnStatus(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := mem.New(mem.Options{})
		defer func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}()
		ids := rapid.SliceOfDistinct(rapid.StringMatching(`[a-d]{1,3}`), rapid.ID[string])
		var txn store.Txn
		for _, id := range ids.Draw(t, "allocations") {
			txn.Writes = append(txn.Writes, store.Put(&api.Allocation{ID: id, Namespace: "default", JobID: id[:1]}))
		}
		for _, id := range ids.Draw(t, "statuses") {
			txn.Writes = append(txn.Writes, store.Put(&api.AllocationStatus{ID: id, Namespace: "default", JobID: id[:1]}))
		}
		if len(txn.Writes) > 0 {
			if _, err := s.Apply(t.Context(), txn); err != nil {
				t.Fatal(err)
			}
		}
		snap := s.Snapshot()
		for _, q := range []store.Query{{}, {Index: store.ByJob, Value: store.JobValue("default", "a")}} {
			n := 0
			for a, status := range store.Joined(snap, q) {
				n++
				want, _ := store.Get[*api.AllocationStatus](snap, api.Key{Kind: api.KindAllocationStatus, ID: a.ID})
				if status != want {
					t.Errorf("allocation %s with status %v, want %v", a.ID, status, want)
				}
			}
			if want := store.Count[*api.Allocation](snap, q); n != want {
				t.Errorf("%d allocations, want %d", n, want)
			}
			for range store.Joined(snap, q) {
				break // whoever has seen enough may leave
			}
		}
	})
}
