package storetest

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/table"
)

// RunModel does random things to a store and to a model, and fails with the shortest
// history that it finds after which they differ.
func RunModel(t *testing.T, open Opener) {
	rapid.Check(t, func(rt *rapid.T) {
		sub := &session{TB: t, rt: rt, model: newModel()}
		sub.opened = open(sub, table.Options{NewChanges: 2}) // older objects are made again
		defer sub.end()
		rt.Repeat(map[string]func(*rapid.T){
			"transaction":     sub.transaction,
			"transaction 2":   sub.transaction,
			"query":           sub.query,
			"keep a snapshot": sub.keepSnapshot,
			"old snapshot":    sub.oldSnapshot,
			"watch":           sub.watch,
			"read feed":       sub.readFeed,
			"save":            sub.save,
			"restore":         sub.restore,
			"reopen":          sub.reopen,
			"":                sub.indexes,
		})
	})
}

// session is one history. It is a testing.TB whose cleanups run when the history
// ends.
type session struct {
	testing.TB
	rt       *rapid.T
	opened   Opened
	model    *model
	kept     []keptSnapshot
	feeds    []*keptFeed
	backups  []keptBackup
	cleanups []func()
}

type keptSnapshot struct {
	snap  store.Snapshot
	model *model
}

type keptFeed struct {
	feed  store.Feed
	kinds []api.Kind
	pos   uint64
}

type keptBackup struct {
	bytes []byte
	model *model
}

// Cleanup implements testing.TB.
func (s *session) Cleanup(f func()) { s.cleanups = append(s.cleanups, f) }

func (s *session) end() {
	for _, f := range s.feeds {
		f.feed.Close()
	}
	for _, f := range slices.Backward(s.cleanups) {
		f()
	}
}

// context returns one that ends with the history.
func (s *session) context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	s.Cleanup(cancel)
	return ctx
}

func (s *session) store() store.Store { return s.opened.Store }

func (s *session) transaction(t *rapid.T) {
	txn := genTxn(t, s.model)
	want, wantConflict := s.model.apply(txn)
	got, err := s.store().Apply(s.context(), txn)
	var conflict *store.ConflictError
	switch {
	case wantConflict != nil && !errors.As(err, &conflict):
		t.Fatalf("apply: error is %v, want %v", err, wantConflict)
	case wantConflict != nil && *conflict != *wantConflict:
		t.Fatalf("apply: conflict is %v, want %v", conflict, wantConflict)
	case wantConflict == nil && (err != nil || got.Index != want):
		t.Fatalf("apply: index %d, error %v, want index %d", got.Index, err, want)
	}
}

// indexes is checked after every step.
func (s *session) indexes(t *rapid.T) {
	if got := s.store().Snapshot().Index(); got != s.model.index {
		t.Fatalf("index is %d, want %d", got, s.model.index)
	}
}

func (s *session) query(t *rapid.T) {
	compareQuery(t, s.store().Snapshot(), s.model, genQuery.Draw(t, "query"))
}

func (s *session) keepSnapshot(*rapid.T) {
	s.kept = append(s.kept, keptSnapshot{s.store().Snapshot(), s.model.copy()})
}

func (s *session) oldSnapshot(t *rapid.T) {
	if len(s.kept) == 0 {
		t.Skip("no snapshot is kept")
	}
	k := rapid.SampledFrom(s.kept).Draw(t, "snapshot")
	if k.snap.Index() != k.model.index {
		t.Fatalf("index of a snapshot went from %d to %d", k.model.index, k.snap.Index())
	}
	compareQuery(t, k.snap, k.model, genQuery.Draw(t, "query"))
}

func compareQuery(t *rapid.T, snap store.Snapshot, m *model, q store.Query) {
	want := m.query(q)
	if n := snap.Count(q); n != len(want) {
		t.Fatalf("count of %+v is %d, want %d", q, n, len(want))
	}
	var got []api.Object
	for o := range snap.Scan(q) {
		got = append(got, o)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v selects\n%v, want\n%v", q, got, want)
	}
	keys := slices.Collect(snap.Keys(q))
	if len(keys) != len(want) || slices.ContainsFunc(want, func(o api.Object) bool { return !slices.Contains(keys, o.Key()) }) ||
		!slices.IsSortedFunc(keys, compareKeys) {
		t.Fatalf("%+v selects keys\n%v, want those of\n%v", q, keys, want)
	}
	for _, o := range want {
		if got, ok := snap.Get(o.Key()); !ok || !reflect.DeepEqual(got, o) {
			t.Fatalf("%s is %v, want %v", o.Key(), got, o)
		}
	}
}

func (s *session) watch(t *rapid.T) {
	f := &keptFeed{pos: rapid.Uint64Range(0, s.model.index).Draw(t, "after")}
	f.kinds = rapid.SliceOfDistinct(genKind, func(k api.Kind) api.Kind { return k }).Draw(t, "kinds")
	f.feed = s.store().Watch(f.pos, f.kinds...)
	s.feeds = append(s.feeds, f)
}

func (s *session) readFeed(t *rapid.T) {
	if len(s.feeds) == 0 {
		t.Skip("no feed is open")
	}
	f := rapid.SampledFrom(s.feeds).Draw(t, "feed")
	var want []store.Change
	for _, c := range s.model.changes {
		if c.Index > f.pos && (len(f.kinds) == 0 || slices.Contains(f.kinds, c.Key.Kind)) {
			want = append(want, c)
		}
	}
	if len(want) == 0 && f.pos >= s.model.resync {
		return // it would wait
	}
	got, index, err := f.feed.Next(s.context())
	if f.pos < s.model.resync {
		if !errors.Is(err, store.ErrResync) {
			t.Fatalf("feed from %d: %v, want ErrResync", f.pos, err)
		}
		return
	}
	if err != nil || index > s.model.index {
		t.Fatalf("feed from %d: index %d, error %v", f.pos, index, err)
	}
	want = slices.DeleteFunc(want, func(c store.Change) bool { return c.Index > index })
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("feed from %d to %d:\n%v, want\n%v", f.pos, index, got, want)
	}
	f.pos = index
}

func (s *session) save(t *rapid.T) {
	var b bytes.Buffer
	if err := s.store().Save(s.context(), &b); err != nil {
		t.Fatalf("save: %v", err)
	}
	s.backups = append(s.backups, keptBackup{b.Bytes(), s.model.copy()})
}

func (s *session) restore(t *rapid.T) {
	if len(s.backups) == 0 {
		t.Skip("there is no backup")
	}
	b := rapid.SampledFrom(s.backups).Draw(t, "backup")
	if err := s.store().Restore(s.context(), bytes.NewReader(b.bytes)); err != nil {
		t.Fatalf("restore: %v", err)
	}
	s.model.restore(b.model)
}

func (s *session) reopen(t *rapid.T) {
	if s.opened.Reopen == nil {
		t.Skip("it cannot be opened again")
	}
	for _, f := range s.feeds {
		f.feed.Close()
	}
	s.feeds = nil
	s.opened = s.opened.Reopen(s)
	s.model.changes, s.model.resync = nil, s.model.index
}
