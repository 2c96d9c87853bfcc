package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

func syncShows(t *testing.T, open Opener) {
	s := opened(t, open).Store
	index := apply(t, s, store.Put(namespace("a", "")))
	if err := s.Sync(patient(t)); err != nil {
		t.Fatalf("sync: %v", err)
	}
	if have := s.Snapshot().Index(); have < index {
		t.Fatalf("index %d after Sync, want %d", have, index)
	}
}

func leads(t *testing.T, open Opener) {
	s := opened(t, open).Store
	for {
		changed, info := s.LeaderChanged(), s.Leader()
		if info.IsSelf {
			if info.ServerID == "" || info.Term == 0 {
				t.Fatalf("leader is %+v", info)
			}
			return
		}
		select {
		case <-changed:
		case <-patient(t).Done():
			t.Fatal("no leader")
		}
	}
}

// fill writes objects of several kinds and returns what show says of them.
func fill(t *testing.T, s store.Store) string {
	for i := range 300 {
		apply(t, s, store.Put(allocation(i, fmt.Sprint("job", i%7), fmt.Sprint("n", i%3))), store.Put(job("default", fmt.Sprint("job", i%7))))
	}
	apply(t, s, store.Delete(allocation(7, "", "").Key()), store.Put(namespace("default", "all of them")))
	apply(t, s, store.Put(resource("backup_policy", "default", "nightly", 7)), store.Put(resourceStatus("backup_policy", "default", "nightly")))
	return show(t, s.Snapshot())
}

// show writes down everything in a snapshot but its index.
func show(t testing.TB, snap store.Snapshot) string {
	var b bytes.Buffer
	for _, kind := range []api.Kind{
		api.KindNamespace, api.KindJob, api.KindAllocation, api.KindEvaluation, "backup_policy", api.StatusKind("backup_policy"),
	} {
		for o := range snap.Scan(store.Query{Kind: kind}) {
			create, modify := o.Indexes()
			stored, err := o.MarshalMsg(nil)
			if err != nil {
				t.Fatalf("encode %s: %v", o.Key(), err)
			}
			fmt.Fprintf(&b, "%s %d %d %d\n", o.Key(), create, modify, len(stored))
		}
	}
	for n := range 3 {
		fmt.Fprintln(&b, ids(snap, store.Query{Kind: api.KindAllocation, Index: store.ByNode, Value: fmt.Sprint("n", n)}))
	}
	return b.String()
}

func save(t *testing.T, s store.Store) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.Save(patient(t), &b); err != nil {
		t.Fatalf("save: %v", err)
	}
	return b.Bytes()
}

func backupRestores(t *testing.T, open Opener) {
	source := opened(t, open).Store
	want := fill(t, source)
	saved := save(t, source)

	target := opened(t, open).Store
	apply(t, target, store.Put(namespace("leftover", "")))
	if err := target.Restore(patient(t), bytes.NewReader(saved)); err != nil {
		t.Fatalf("restore: %v", err)
	}
	snap := target.Snapshot()
	wantEqual(t, "restored state", show(t, snap), want)
	if snap.Index() <= source.Snapshot().Index() {
		t.Fatalf("index %d after a restore from %d", snap.Index(), source.Snapshot().Index())
	}
	index := apply(t, target, store.Put(namespace("new", "")))
	wantEqual(t, "next index", index, snap.Index()+1)

	// Into itself, after more changes.
	apply(t, source, store.Put(namespace("later", "")))
	before := apply(t, source, store.Delete(api.JobKey("default", "job1")))
	if err := source.Restore(patient(t), bytes.NewReader(saved)); err != nil {
		t.Fatalf("restore: %v", err)
	}
	wantEqual(t, "restored state", show(t, source.Snapshot()), want)
	if have := source.Snapshot().Index(); have <= before {
		t.Fatalf("index went from %d to %d", before, have)
	}
	wantEqual(t, "save after restore", len(save(t, source)), len(saved))
}

func backupDamaged(t *testing.T, open Opener) {
	source := opened(t, open).Store
	fill(t, source)
	saved := save(t, source)

	target := opened(t, open).Store
	apply(t, target, store.Put(namespace("mine", "")))
	before := save(t, target)
	damage := map[string][]byte{
		"empty":            {},
		"not a backup":     []byte("hello, I am something else entirely, and long enough"),
		"cut short":        saved[:len(saved)-1],
		"cut in half":      saved[:len(saved)/2],
		"something behind": append(bytes.Clone(saved), 0),
	}
	for i := 0; i < len(saved); i += 1 + len(saved)/40 {
		flipped := bytes.Clone(saved)
		flipped[i] ^= 0x10
		damage[fmt.Sprint("byte ", i)] = flipped
	}
	for name, bad := range damage {
		var invalid *api.InvalidError
		if err := target.Restore(patient(t), bytes.NewReader(bad)); !errors.As(err, &invalid) {
			t.Errorf("%s: error is %v, want an InvalidError", name, err)
		}
	}
	if !bytes.Equal(save(t, target), before) {
		t.Fatal("a damaged backup changed the store")
	}
}

func restoreResyncs(t *testing.T, open Opener) {
	s := opened(t, open).Store
	fill(t, s)
	saved := save(t, s)
	feed := s.Watch(s.Snapshot().Index(), api.KindNode)
	defer feed.Close()
	ended := make(chan error)
	go func() {
		_, _, err := feed.Next(patient(t))
		ended <- err
	}()
	if err := s.Restore(patient(t), bytes.NewReader(saved)); err != nil {
		t.Fatalf("restore: %v", err)
	}
	if err := <-ended; !errors.Is(err, store.ErrResync) {
		t.Fatalf("error is %v, want ErrResync", err)
	}
	fresh := s.Watch(s.Snapshot().Index())
	defer fresh.Close()
	wantEqual(t, "changes", len(drain(t, fresh, apply(t, s, store.Put(namespace("new", ""))))), 1)
}

func closedStore(t *testing.T, open Opener) {
	s := opened(t, open).Store
	apply(t, s, store.Put(namespace("a", "")))
	waiting := make(chan error)
	go func() { waiting <- s.WaitIndex(patient(t), 1<<60) }()
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
	if err := <-waiting; !errors.Is(err, store.ErrClosed) {
		t.Errorf("waiting WaitIndex: %v, want ErrClosed", err)
	}
	if _, err := s.Apply(patient(t), store.Txn{Writes: []store.Write{store.Put(namespace("b", ""))}}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Apply: %v, want ErrClosed", err)
	}
	if err := s.Sync(patient(t)); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Sync: %v, want ErrClosed", err)
	}
	if err := s.WaitIndex(patient(t), 1); !errors.Is(err, store.ErrClosed) {
		t.Errorf("WaitIndex: %v, want ErrClosed", err)
	}
	if err := s.Restore(patient(t), bytes.NewReader(nil)); err == nil {
		t.Errorf("Restore: no error")
	}
}

func reopened(t *testing.T, open Opener) {
	o := opened(t, open)
	if o.Reopen == nil {
		return // kept in memory only
	}
	want := fill(t, o.Store)
	index := o.Store.Snapshot().Index()
	for range 2 {
		o = o.Reopen(t)
		snap := o.Store.Snapshot()
		wantEqual(t, "index", snap.Index(), index)
		wantEqual(t, "state", show(t, snap), want)
	}
	feed := o.Store.Watch(index - 1)
	defer feed.Close()
	if _, _, err := feed.Next(patient(t)); !errors.Is(err, store.ErrResync) {
		t.Fatalf("feed from before: %v, want ErrResync", err)
	}
	wantEqual(t, "next index", apply(t, o.Store, store.Put(namespace("new", ""))), index+1)
	created, _ := store.Get[*api.Allocation](o.Store.Snapshot(), allocation(0, "", "").Key())
	apply(t, o.Store, store.Put(allocation(0, "shop", "n1")))
	changed, _ := store.Get[*api.Allocation](o.Store.Snapshot(), allocation(0, "", "").Key())
	wantEqual(t, "create index", changed.CreateIndex, created.CreateIndex)
}
