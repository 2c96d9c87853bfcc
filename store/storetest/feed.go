package storetest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/table"
)

// feedOrder runs writers, each of whose transactions writes a pair, and readers that
// start anywhere; every reader must end with what the store holds.
func feedOrder(t *testing.T, open Opener) {
	s := opened(t, open).Store
	const writers, each, readers = 4, 50, 4
	ctx, cancel := context.WithCancel(patient(t))
	defer cancel()
	var reading, writing sync.WaitGroup
	for range readers {
		reading.Go(func() { follow(ctx, t, s) })
	}
	for w := range writers {
		writing.Go(func() {
			for i := range each {
				pair := []store.Write{store.Put(namespace(string(rune('a'+w)), "")), store.Put(allocation(w*each+i, "shop", "n"))}
				if i%5 == 4 {
					pair[1] = store.Delete(allocation(w*each+i-2, "", "").Key())
				}
				if _, err := s.Apply(ctx, store.Txn{Writes: pair}); err != nil {
					t.Errorf("apply: %v", err)
				}
			}
		})
	}
	writing.Wait()
	apply(t, s, store.Put(namespace("end", "")), store.Put(allocation(writers*each, "shop", "n")))
	reading.Wait()
}

// follow keeps a copy of the store by way of a feed, checks every step and, when it
// has seen the namespace "end", compares.
func follow(ctx context.Context, t *testing.T, s store.Store) {
	snap := s.Snapshot()
	have := make(map[api.Key]uint64)
	for _, kind := range []api.Kind{api.KindNamespace, api.KindAllocation} {
		for o := range snap.Scan(store.Query{Kind: kind}) {
			_, have[o.Key()] = o.Indexes()
		}
	}
	feed := s.Watch(snap.Index())
	defer feed.Close()
	for last := snap.Index(); have[namespaceKey("end")] == 0; {
		changes, upTo, err := feed.Next(ctx)
		if err != nil {
			t.Errorf("feed: %v", err)
			return
		}
		for i, c := range changes {
			checkChange(t, have, c)
			if i > 0 && c.Index < changes[i-1].Index || c.Index > upTo || c.Index <= last {
				t.Errorf("change %d of (%d, %d] has index %d", i, last, upTo, c.Index)
			}
		}
		// Every transaction of the test changes two objects: whole ones only.
		if len(changes) != int(2*(upTo-last)) {
			t.Errorf("%d changes from index %d to %d", len(changes), last, upTo)
		}
		last = upTo
	}
	for key, modify := range have {
		o, ok := s.Snapshot().Get(key)
		if !ok {
			t.Errorf("the feed shows %s, the store does not", key)
			continue
		}
		if _, m := o.Indexes(); m != modify {
			t.Errorf("%s is at %d in the feed and at %d in the store", key, modify, m)
		}
	}
	wantCount := s.Snapshot().Count(store.Query{Kind: api.KindAllocation}) + s.Snapshot().Count(store.Query{Kind: api.KindNamespace})
	if len(have) != wantCount {
		t.Errorf("the feed shows %d objects, the store %d", len(have), wantCount)
	}
}

// checkChange applies a change to a copy, and checks that it follows from it.
func checkChange(t *testing.T, have map[api.Key]uint64, c store.Change) {
	old, existed := have[c.Key]
	if existed != (c.Old != nil) {
		t.Errorf("change of %s at %d: old object is %v, but existed is %v", c.Key, c.Index, c.Old, existed)
	} else if existed {
		if _, m := c.Old.Indexes(); m != old {
			t.Errorf("change of %s at %d: old object is of index %d, want %d", c.Key, c.Index, m, old)
		}
	}
	if c.New == nil {
		delete(have, c.Key)
		return
	}
	if _, m := c.New.Indexes(); m != c.Index {
		t.Errorf("change of %s at %d: new object is of index %d", c.Key, c.Index, m)
	}
	have[c.Key] = c.Index
}

func feedKinds(t *testing.T, open Opener) {
	s := opened(t, open).Store
	feed := s.Watch(s.Snapshot().Index(), api.KindNamespace, api.KindNode)
	defer feed.Close()
	apply(t, s, store.Put(allocation(1, "shop", "n")))
	apply(t, s, store.Put(allocation(2, "shop", "n")), store.Put(namespace("a", "")), store.Put(job("a", "j")))
	index := apply(t, s, store.Put(&api.Node{ID: "n"}))
	var got []string
	for _, c := range drain(t, feed, index) {
		got = append(got, c.Key.String())
	}
	wantSlice(t, "changes", got, []string{"Namespace/a", "Node/n"})
}

func feedOldNew(t *testing.T, open Opener) {
	s := opened(t, open).Store
	feed := s.Watch(s.Snapshot().Index())
	defer feed.Close()
	apply(t, s, store.Put(namespace("a", "1")))
	apply(t, s, store.Put(namespace("a", "2")))
	changes := drain(t, feed, apply(t, s, store.Delete(namespaceKey("a"))))
	wantEqual(t, "changes", len(changes), 3)
	created, changed, deleted := changes[0], changes[1], changes[2]
	if created.Old != nil || created.New.(*api.Namespace).Description != "1" {
		t.Fatalf("creation is %+v", created)
	}
	if changed.Old != created.New || changed.New.(*api.Namespace).Description != "2" {
		t.Fatalf("change is %+v", changed)
	}
	if deleted.Old != changed.New || deleted.New != nil {
		t.Fatalf("deletion is %+v", deleted)
	}
}

func feedBehind(t *testing.T, open Opener) {
	s := open(t, table.Options{FeedChanges: 10}).Store
	start := s.Snapshot().Index()
	feed := s.Watch(start)
	defer feed.Close()
	wantEqual(t, "behind, with nothing to read", feed.Behind(), 0)
	var index uint64
	for i := range 5 {
		index = apply(t, s, store.Put(allocation(i, "shop", "n")))
	}
	wantEqual(t, "behind, with half of what is kept to read", feed.Behind(), 0.5)
	drain(t, feed, index)
	wantEqual(t, "behind, with everything read", feed.Behind(), 0)
	for i := range 20 {
		apply(t, s, store.Put(allocation(i, "shop", "n")))
	}
	if behind := feed.Behind(); behind < 1 {
		t.Errorf("behind by %v, with more to read than is kept", behind)
	}
	if _, _, err := feed.Next(t.Context()); !errors.Is(err, store.ErrResync) {
		t.Errorf("next is %v", err)
	}
}

func feedResync(t *testing.T, open Opener) {
	s := open(t, table.Options{FeedChanges: 10}).Store
	start := s.Snapshot().Index()
	feed := s.Watch(start)
	defer feed.Close()
	var index uint64
	for i := range 20 {
		index = apply(t, s, store.Put(allocation(i, "shop", "n")))
	}
	for range 2 { // it stays so
		if _, _, err := feed.Next(patient(t)); !errors.Is(err, store.ErrResync) {
			t.Fatalf("error is %v, want ErrResync", err)
		}
	}
	again := s.Watch(start)
	defer again.Close()
	if _, _, err := again.Next(patient(t)); !errors.Is(err, store.ErrResync) {
		t.Fatalf("watch from before: %v, want ErrResync", err)
	}
	recent := s.Watch(index - 5)
	defer recent.Close()
	wantEqual(t, "changes that are kept", len(drain(t, recent, index)), 5)
}

func feedQuiet(t *testing.T, open Opener) {
	s := open(t, table.Options{FeedChanges: 10}).Store
	feed := s.Watch(s.Snapshot().Index(), api.KindNamespace)
	defer feed.Close()
	for i := range 50 {
		apply(t, s, store.Put(allocation(i, "shop", "n")))
	}
	index := apply(t, s, store.Put(namespace("a", "")))
	wantEqual(t, "changes", len(drain(t, feed, index)), 1)
}

func feedEnds(t *testing.T, open Opener) {
	o := opened(t, open)
	closed := o.Store.Watch(0)
	closed.Close()
	closed.Close()
	if _, _, err := closed.Next(patient(t)); !errors.Is(err, store.ErrClosed) {
		t.Fatalf("closed feed: %v, want ErrClosed", err)
	}
	waiting := o.Store.Watch(o.Store.Snapshot().Index())
	defer waiting.Close()
	ended := make(chan error)
	go func() {
		_, _, err := waiting.Next(patient(t))
		ended <- err
	}()
	if err := o.Store.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	if err := <-ended; !errors.Is(err, store.ErrClosed) {
		t.Fatalf("feed of a closed store: %v, want ErrClosed", err)
	}
}

func waitIndex(t *testing.T, open Opener) {
	s := opened(t, open).Store
	index := apply(t, s, store.Put(namespace("a", "")))
	if err := s.WaitIndex(patient(t), index); err != nil {
		t.Fatalf("index that is there: %v", err)
	}
	const waiters = 20
	reached := make(chan uint64, waiters)
	for i := range waiters {
		go func() {
			want := index + 1 + uint64(i)
			if err := s.WaitIndex(patient(t), want); err != nil {
				t.Errorf("wait for %d: %v", want, err)
			}
			if have := s.Snapshot().Index(); have < want {
				t.Errorf("waited for %d and reads %d", want, have)
			}
			reached <- want
		}()
	}
	for range waiters {
		apply(t, s, store.Put(namespace("a", "")))
	}
	for range waiters {
		<-reached
	}
}
