package raft_test

import (
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/table"
)

func TestWhatWasGivenAndIsAppliedAgainChangesNoSnapshot(t *testing.T) {
	s := open(t, table.Options{}).Store
	o := &api.AllocationStatus{ID: "a", NodeID: "n", ClientStatus: "running"}
	txn := store.Txn{Writes: []store.Write{store.Give(o)}}
	first, err := s.Apply(t.Context(), txn)
	if err != nil {
		t.Fatal(err)
	}
	before := s.Snapshot()
	if _, err := s.Apply(t.Context(), txn.Again()); err != nil { // as after ErrNoLeader
		t.Fatal(err)
	}
	got, _ := store.Get[*api.AllocationStatus](before, o.Key())
	if got.ModifyIndex != first.Index {
		t.Errorf("the snapshot of %d now says that it was written at %d", first.Index, got.ModifyIndex)
	}
}
