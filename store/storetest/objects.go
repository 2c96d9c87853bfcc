package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/table"
)

// Opener opens an empty store whose feed keeps what the options say. It closes it
// when the test ends, unless the test did.
type Opener func(t testing.TB, o table.Options) Opened

// Opened is an open store.
type Opened struct {
	Store store.Store
	// Reopen closes the store and opens it again with the same objects; nil if it
	// cannot.
	Reopen func(t testing.TB) Opened
}

// patience is how long the suite waits for what must happen: far longer than it
// takes, so that only a failure reaches it.
const patience = 30 * time.Second

func patient(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func apply(t testing.TB, s store.Store, writes ...store.Write) uint64 {
	t.Helper()
	return applyTxn(t, s, store.Txn{Writes: writes})
}

func applyTxn(t testing.TB, s store.Store, txn store.Txn) uint64 {
	t.Helper()
	r, err := s.Apply(patient(t), txn)
	if err != nil {
		t.Fatalf("apply: %v", err)
	}
	return r.Index
}

func namespace(name, description string) *api.Namespace {
	return &api.Namespace{Name: name, Description: description}
}

func job(ns, id string) *api.Job { return &api.Job{Namespace: &ns, ID: &id} }

func allocation(i int, jobID, nodeID string) *api.Allocation {
	return &api.Allocation{
		ID: fmt.Sprintf("alloc-%05d", i), Namespace: "default", JobID: jobID, NodeID: nodeID,
		Name: api.AllocName(jobID, "web", i), DesiredStatus: api.AllocDesiredRun,
	}
}

func resource(kind api.Kind, ns, name string, keep int64) *api.Resource {
	return &api.Resource{Kind: kind, Namespace: ns, Name: name, Spec: api.Values{"keep": keep}}
}

func resourceStatus(kind api.Kind, ns, name string) *api.ResourceStatus {
	return &api.ResourceStatus{Kind: kind, Namespace: ns, Name: name, Status: api.Values{"done": true}}
}

func namespaceKey(name string) api.Key { return api.Key{Kind: api.KindNamespace, ID: name} }

// ids returns the keys that a query selects, without their kind.
func ids(s store.Snapshot, q store.Query) []string {
	out := []string{}
	for o := range s.Scan(q) {
		k := o.Key()
		if k.Namespace != "" {
			k.ID = k.Namespace + "/" + k.ID
		}
		out = append(out, k.ID)
	}
	return out
}

func wantEqual[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s is %v, want %v", what, got, want)
	}
}

func wantSlice[T comparable](t testing.TB, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s is %v, want %v", what, got, want)
	}
}

// drain reads the feed until it has seen index.
func drain(t testing.TB, f store.Feed, index uint64) []store.Change {
	t.Helper()
	var out []store.Change
	for seen := uint64(0); seen < index; {
		changes, upTo, err := f.Next(patient(t))
		if err != nil {
			t.Fatalf("feed after index %d: %v", seen, err)
		}
		if upTo < seen {
			t.Fatalf("feed went back from index %d to %d", seen, upTo)
		}
		seen = upTo
		out = append(out, changes...)
	}
	return out
}
