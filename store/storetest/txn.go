package storetest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

func appliedWhole(t *testing.T, open Opener) {
	s := opened(t, open).Store
	before := s.Snapshot().Index()
	index := apply(t, s, store.Put(namespace("a", "1")), store.Put(namespace("b", "2")), store.Put(job("a", "shop")))
	if index <= before {
		t.Fatalf("index %d after %d", index, before)
	}
	snap := s.Snapshot()
	wantEqual(t, "the snapshot's index", snap.Index(), index)
	for _, key := range []api.Key{namespaceKey("a"), namespaceKey("b"), api.JobKey("a", "shop")} {
		o, ok := snap.Get(key)
		if !ok {
			t.Fatalf("%s is not there", key)
		}
		create, modify := o.Indexes()
		wantEqual(t, "create index", create, index)
		wantEqual(t, "modify index", modify, index)
	}
}

func conditionFails(t *testing.T, open Opener) {
	s := opened(t, open).Store
	first := apply(t, s, store.Put(namespace("a", "1")))
	second := apply(t, s, store.Put(namespace("a", "2")))
	_, err := s.Apply(patient(t), store.Txn{
		Conditions: []store.Condition{{Key: namespaceKey("a"), ModifyIndex: second}, {Key: namespaceKey("a"), ModifyIndex: first}},
		Writes:     []store.Write{store.Put(namespace("b", "")), store.Delete(namespaceKey("a"))},
	})
	var conflict *store.ConflictError
	if !errors.Is(err, api.ErrConflict) || !errors.As(err, &conflict) {
		t.Fatalf("error is %v, want a conflict", err)
	}
	wantEqual(t, "conflict", *conflict, store.ConflictError{Key: namespaceKey("a"), Want: first, Have: second})
	snap := s.Snapshot()
	wantEqual(t, "index", snap.Index(), second)
	wantSlice(t, "namespaces", ids(snap, store.Query{Kind: api.KindNamespace}), []string{"a"})
}

func conditionAbsent(t *testing.T, open Opener) {
	s := opened(t, open).Store
	create := store.Txn{Conditions: []store.Condition{store.Absent(namespaceKey("a"))}, Writes: []store.Write{store.Put(namespace("a", ""))}}
	index := applyTxn(t, s, create)
	_, err := s.Apply(patient(t), create)
	var conflict *store.ConflictError
	if !errors.As(err, &conflict) {
		t.Fatalf("error is %v, want a conflict", err)
	}
	wantEqual(t, "conflict", *conflict, store.ConflictError{Key: namespaceKey("a"), Have: index})
	apply(t, s, store.Delete(namespaceKey("a")))
	applyTxn(t, s, create)
}

func ownIndex(t *testing.T, open Opener) {
	s := opened(t, open).Store
	const writers, each = 16, 25
	var mu sync.Mutex
	seen := make(map[uint64]string)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			last := uint64(0)
			for range each {
				name := string(rune('a' + w))
				r, err := s.Apply(patient(t), store.Txn{Writes: []store.Write{store.Put(namespace(name, ""))}})
				if err != nil {
					t.Errorf("apply: %v", err)
					return
				}
				if r.Index <= last {
					t.Errorf("writer %s: index %d after %d", name, r.Index, last)
				}
				if ns, ok := store.Get[*api.Namespace](s.Snapshot(), namespaceKey(name)); !ok || ns.ModifyIndex != r.Index {
					t.Errorf("writer %s does not read its own write at %d: %+v", name, r.Index, ns)
				}
				last = r.Index
				mu.Lock()
				if other, twice := seen[r.Index]; twice {
					t.Errorf("writers %s and %s both have index %d", name, other, r.Index)
				}
				seen[r.Index] = name
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

func oneWins(t *testing.T, open Opener) {
	s := opened(t, open).Store
	const writers = 16
	for round := range 10 {
		won := make(chan uint64, writers)
		old, _ := store.Get[*api.Namespace](s.Snapshot(), namespaceKey("prize"))
		condition := store.Absent(namespaceKey("prize"))
		if old != nil {
			condition = store.Unchanged(old)
		}
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				r, err := s.Apply(patient(t), store.Txn{
					Conditions: []store.Condition{condition}, Writes: []store.Write{store.Put(namespace("prize", ""))},
				})
				switch {
				case err == nil:
					won <- r.Index
				case !errors.Is(err, api.ErrConflict):
					t.Errorf("apply: %v", err)
				}
			})
		}
		wg.Wait()
		if len(won) != 1 {
			t.Fatalf("round %d: %d transactions won", round, len(won))
		}
	}
}

func createIndex(t *testing.T, open Opener) {
	s := opened(t, open).Store
	first := apply(t, s, store.Put(namespace("a", "1")))
	second := apply(t, s, store.Put(namespace("a", "2")))
	a, _ := store.Get[*api.Namespace](s.Snapshot(), namespaceKey("a"))
	wantEqual(t, "create index", a.CreateIndex, first)
	wantEqual(t, "modify index", a.ModifyIndex, second)
	apply(t, s, store.Delete(namespaceKey("a")))
	again := apply(t, s, store.Put(namespace("a", "3")))
	a, _ = store.Get[*api.Namespace](s.Snapshot(), namespaceKey("a"))
	wantEqual(t, "create index after a delete", a.CreateIndex, again)
}

func callersObjects(t *testing.T, open Opener) {
	s := opened(t, open).Store
	mine := namespace("a", "mine")
	mine.Meta = map[string]string{"k": "v"}
	apply(t, s, store.Put(mine))
	if c, m := mine.Indexes(); c != 0 || m != 0 {
		t.Fatalf("the indexes of the caller's object were set to %d, %d", c, m)
	}
	mine.Description, mine.Meta["k"] = "changed", "changed"
	stored, _ := store.Get[*api.Namespace](s.Snapshot(), namespaceKey("a"))
	wantEqual(t, "stored description", stored.Description, "mine")
	wantEqual(t, "stored meta", stored.Meta["k"], "v")
}

func withoutWrites(t *testing.T, open Opener) {
	s := opened(t, open).Store
	index := apply(t, s, store.Put(namespace("a", "")))
	holds := store.Txn{Conditions: []store.Condition{{Key: namespaceKey("a"), ModifyIndex: index}}}
	wantEqual(t, "index", applyTxn(t, s, holds), index)
	wantEqual(t, "the store's index", s.Snapshot().Index(), index)
	_, err := s.Apply(patient(t), store.Txn{Conditions: []store.Condition{store.Absent(namespaceKey("a"))}})
	if !errors.Is(err, api.ErrConflict) {
		t.Fatalf("error is %v, want a conflict", err)
	}
}

func deleteAbsent(t *testing.T, open Opener) {
	s := opened(t, open).Store
	feed := s.Watch(s.Snapshot().Index())
	defer feed.Close()
	index := apply(t, s, store.Delete(namespaceKey("none")), store.Delete(api.Key{Kind: "Unheard", ID: "x"}), store.Put(namespace("a", "")))
	changes := drain(t, feed, index)
	if len(changes) != 1 || changes[0].Key != namespaceKey("a") {
		t.Fatalf("changes are %v, want the one object that was written", changes)
	}
}

func malformed(t *testing.T, open Opener) {
	s := opened(t, open).Store
	before := s.Snapshot().Index()
	bad := map[string]store.Txn{
		"a key twice":          {Writes: []store.Write{store.Put(namespace("a", "")), store.Delete(namespaceKey("a"))}},
		"no ID":                {Writes: []store.Write{store.Put(namespace("", ""))}},
		"no kind":              {Writes: []store.Write{store.Delete(api.Key{ID: "a"})}},
		"an empty write":       {Writes: []store.Write{{}}},
		"put and delete":       {Writes: []store.Write{{Put: namespace("a", ""), Delete: namespaceKey("b")}}},
		"a zero byte":          {Writes: []store.Write{store.Put(namespace("a\x00b", ""))}},
		"a very long key":      {Writes: []store.Write{store.Put(namespace(strings.Repeat("x", store.MaxKeyBytes), ""))}},
		"a nil object":         {Writes: []store.Write{store.Put((*api.Namespace)(nil))}},
		"a condition on no ID": {Conditions: []store.Condition{{Key: api.Key{Kind: api.KindJob}}}},
	}
	for name, txn := range bad {
		var invalid *api.InvalidError
		if _, err := s.Apply(patient(t), txn); !errors.As(err, &invalid) {
			t.Errorf("%s: error is %v, want an InvalidError", name, err)
		}
	}
	wantEqual(t, "index", s.Snapshot().Index(), before)
}

func tooLarge(t *testing.T, open Opener) {
	s := opened(t, open).Store
	before := s.Snapshot().Index()
	big := namespace("a", strings.Repeat("x", store.MaxTxnBytes/2))
	other := namespace("b", big.Description)
	_, err := s.Apply(patient(t), store.Txn{Writes: []store.Write{store.Put(big), store.Put(other)}})
	if !errors.Is(err, api.ErrTooLarge) {
		t.Fatalf("error is %v, want too large", err)
	}
	wantEqual(t, "index", s.Snapshot().Index(), before)
}

func cancelled(t *testing.T, open Opener) {
	s := opened(t, open).Store
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Apply(ctx, store.Txn{Writes: []store.Write{store.Put(namespace("a", ""))}}); !errors.Is(err, context.Canceled) {
		t.Fatalf("Apply: %v, want the context's error", err)
	}
	if err := s.Sync(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("Sync: %v, want the context's error", err)
	}
	if err := s.WaitIndex(ctx, 1<<60); !errors.Is(err, context.Canceled) {
		t.Fatalf("WaitIndex: %v, want the context's error", err)
	}
	feed := s.Watch(s.Snapshot().Index())
	defer feed.Close()
	if _, _, err := feed.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("Next: %v, want the context's error", err)
	}
}
