package table_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/table"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newTables(t testing.TB, o table.Options) *table.Tables {
	tables := table.New(o)
	t.Cleanup(tables.Close)
	return tables
}

func put(t testing.TB, tables *table.Tables, objects ...api.Object) table.Applied {
	t.Helper()
	var writes []table.Write
	for _, o := range objects {
		writes = append(writes, write(t, o))
	}
	applied, conflict := tables.Apply(nil, writes, 100*len(writes))
	if conflict != nil {
		t.Fatalf("apply: %v", conflict)
	}
	return applied
}

// write is the write of an object, with its stored form.
func write(t testing.TB, o api.Object) table.Write {
	t.Helper()
	stored, err := o.MarshalMsg(nil)
	if err != nil {
		t.Fatal(err)
	}
	return table.Write{Key: o.Key(), Object: o, Stored: stored}
}

// world is what the tables should hold: the node of each allocation.
type world map[string]string

func (w world) ids(selected func(id, node string) bool) []string {
	out := []string{}
	for id, node := range w {
		if selected(id, node) {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

func (w world) check(t *testing.T, snap store.Snapshot, what string) {
	t.Helper()
	queries := map[string]struct {
		query    store.Query
		selected func(id, node string) bool
	}{
		"all":     {store.Query{}, func(string, string) bool { return true }},
		"node":    {store.Query{Index: store.ByNode, Value: "n3"}, func(_, node string) bool { return node == "n3" }},
		"prefix":  {store.Query{IDPrefix: "shared-prefix-01"}, func(id, _ string) bool { return strings.HasPrefix(id, "shared-prefix-01") }},
		"paged":   {store.Query{After: &api.Key{Kind: api.KindAllocation, ID: "shared-prefix-0150"}}, func(id, _ string) bool { return id > "shared-prefix-0150" }},
		"nothing": {store.Query{IDPrefix: "zzz"}, func(string, string) bool { return false }},
	}
	for name, q := range queries {
		want, got := w.ids(q.selected), []string{}
		for a := range store.List[*api.Allocation](snap, q.query) {
			got = append(got, a.ID)
			if a.NodeID != w[a.ID] {
				t.Fatalf("%s, %s: allocation %s is on %s, want %s", what, name, a.ID, a.NodeID, w[a.ID])
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%s, %s: %d allocations, want %d", what, name, len(got), len(want))
		}
		if n := store.Count[*api.Allocation](snap, q.query); n != len(want) {
			t.Fatalf("%s, %s: count is %d, want %d", what, name, n, len(want))
		}
	}
}

// Thousands of rows make trees of several levels, which split as they grow in order
// and at random, and merge as they shrink, while snapshots hold on to older states.
func TestTablesHoldWhatWasWrittenWhileSnapshotsHoldWhatWas(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	tables := newTables(t, table.Options{NewChanges: 100})
	now := world{}
	type kept struct {
		snap  store.Snapshot
		world world
	}
	var snapshots []kept
	id := func(n int) string {
		if n%2 == 0 {
			return fmt.Sprintf("shared-prefix-%04d", n)
		}
		return fmt.Sprintf("%08x", uint32(n)*2654435761)
	}
	step := func(n int, deletes float64) {
		key := api.Key{Kind: api.KindAllocation, ID: id(n)}
		w := table.Write{Key: key}
		if rng.Float64() < deletes {
			delete(now, key.ID)
		} else {
			node := fmt.Sprint("n", rng.IntN(20))
			w = write(t, &api.Allocation{ID: key.ID, Namespace: "default", NodeID: node})
			now[key.ID] = node
		}
		if _, conflict := tables.Apply(nil, []table.Write{w}, 100); conflict != nil {
			t.Fatal(conflict)
		}
	}
	phase := func(name string, steps int, next func(i int) int, deletes float64) {
		for i := range steps {
			step(next(i), deletes)
			if i%(steps/5) == 0 {
				snapshots = append(snapshots, kept{tables.Snapshot(), maps.Clone(now)})
			}
		}
		now.check(t, tables.Snapshot(), name)
	}
	phase("in order", 4000, func(i int) int { return i }, 0)
	phase("at random", 10_000, func(int) int { return rng.IntN(8000) }, 0.1)
	phase("shrinking", 20_000, func(int) int { return rng.IntN(8000) }, 0.9)
	phase("in reverse", 8000, func(i int) int { return 7999 - i }, 0)
	phase("deleting in order", 8000, func(i int) int { return i }, 1)
	phase("again", 2000, func(int) int { return rng.IntN(8000) }, 0.5)
	for i, k := range snapshots {
		k.world.check(t, k.snap, fmt.Sprint("snapshot ", i))
	}
}

func TestReadersScanSnapshotsWhileTheWriterWrites(t *testing.T) {
	t.Parallel()
	tables := newTables(t, table.Options{NewChanges: 1})
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				// Every transaction moves all allocations to one node.
				snap := tables.Snapshot()
				node := ""
				for a := range store.List[*api.Allocation](snap, store.Query{}) {
					if node != "" && a.NodeID != node {
						t.Errorf("a torn snapshot has nodes %s and %s", node, a.NodeID)
					}
					node = a.NodeID
				}
				n := store.Count[*api.Allocation](snap, store.Query{Index: store.ByNode, Value: node})
				if all := store.Count[*api.Allocation](snap, store.Query{}); n != all {
					t.Errorf("%d of %d allocations are on node %s", n, all, node)
				}
			}
		})
	}
	for i := range 300 {
		var objects []api.Object
		for n := range 100 {
			objects = append(objects, &api.Allocation{ID: fmt.Sprint("a", n), NodeID: fmt.Sprint("n", i%3)})
		}
		put(t, tables, objects...)
	}
	close(done)
	readers.Wait()
}

// The stored form of the objects is kept, and they are made again; the ID, by which they
// are found, may be of any length, and the objects of any size.
func TestObjectsThatAreNotNewAreReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	tables := newTables(t, table.Options{NewChanges: 1})
	feed := tables.Watch(0)
	defer feed.Close()
	large := &api.AllocationMetric{NodesAvailable: map[string]int{"dc1": 3}, ScoreMetaData: []*api.NodeScoreMeta{{NodeID: "n"}}}
	var want []api.Object
	for n, length := range []int{1, 31, 32, 255, 256, 4000} {
		id := strings.Repeat("x", length)
		alloc := func(node string) *api.Allocation {
			a := &api.Allocation{ID: id, Namespace: "default", NodeID: node}
			if n%2 == 1 { // has more fields than fit into a short header
				a.EvalID, a.Name, a.NodeName, a.JobID, a.JobVersion, a.TaskGroup, a.JobType = "e", "n", "nn", "j", 2, "g", "service"
				a.DesiredStatus, a.DesiredDescription, a.Lost, a.UnknownSince = "run", "because", "lost", 3
				a.DeploymentID, a.PreviousAllocation, a.NextAllocation, a.CreateTime = "d", "p", "s", 4
				a.Placement = large.Encode()
			}
			return a
		}
		put(t, tables, alloc("n1"))
		put(t, tables, alloc("n2"), &api.AllocationStatus{ID: id, NodeID: "n2", TaskStates: map[string]*api.TaskState{"t": {State: "running"}}})
		want = append(want, alloc("n2"))
	}
	put(t, tables, &api.Namespace{Name: "end"})
	snap := tables.Snapshot()
	for n, w := range want {
		a := w.(*api.Allocation)
		a.SetIndexes(uint64(2*n+1), uint64(2*n+2))
		got, ok := store.Get[*api.Allocation](snap, a.Key())
		if !ok || !reflect.DeepEqual(got, a) {
			t.Fatalf("read %+v, want %+v", got, a)
		}
		s, ok := store.Get[*api.AllocationStatus](snap, api.Key{Kind: api.KindAllocationStatus, ID: a.ID})
		if !ok || s.TaskStates["t"].State != "running" || s.CreateIndex != a.ModifyIndex {
			t.Fatalf("read %+v", s)
		}
		if _, conflict := tables.Apply([]store.Condition{store.Unchanged(a), store.Unchanged(s)}, nil, 0); conflict != nil {
			t.Fatal(conflict)
		}
	}
	changes, _, err := feed.Next(t.Context())
	if err != nil || len(changes) != 3*len(want)+1 {
		t.Fatalf("%d changes, error %v", len(changes), err)
	}
	for n, w := range want {
		created, moved, said := changes[3*n], changes[3*n+1], changes[3*n+2]
		if created.Old != nil || created.New.(*api.Allocation).NodeID != "n1" || moved.Old.(*api.Allocation).NodeID != "n1" ||
			!reflect.DeepEqual(moved.New, w) || said.Old != nil || said.New.(*api.AllocationStatus).ID != said.Key.ID {
			t.Fatalf("the feed had %+v, %+v, %+v", created, moved, said)
		}
	}
}

func TestObjectsOfAnUnknownKindAreKeptAsBytes(t *testing.T) {
	t.Parallel()
	tables := newTables(t, table.Options{})
	before := tables.Snapshot()
	key := api.Key{Kind: "Tomorrow", Namespace: "a", ID: "x"}
	o, err := table.Decode(key, []byte("any bytes"))
	if err != nil {
		t.Fatal(err)
	}
	feed := tables.Watch(0, "Tomorrow", api.KindNode)
	defer feed.Close()
	applied := put(t, tables, o)
	if _, conflict := tables.Apply([]store.Condition{store.Absent(key)}, nil, 0); conflict == nil || conflict.Have != applied.Index {
		t.Fatalf("conflict is %v, want one with index %d", conflict, applied.Index)
	}
	snap := tables.Snapshot()
	got, ok := snap.Get(key)
	if !ok {
		t.Fatal("it is not there")
	}
	if b, err := got.MarshalMsg(nil); err != nil || string(b) != "any bytes" {
		t.Fatalf("bytes are %q, error %v", b, err)
	}
	if n := snap.Count(store.Query{Kind: "Tomorrow", Namespace: "a"}); n != 1 {
		t.Fatalf("count is %d", n)
	}
	if _, ok := before.Get(key); ok {
		t.Fatal("the snapshot from before has it")
	}
	changes, _, err := feed.Next(t.Context())
	if err != nil || len(changes) != 1 || changes[0].Key != key {
		t.Fatalf("changes are %v, error %v", changes, err)
	}
	put(t, tables, table.NewOpaque(api.Key{Kind: "Tuesday", ID: "y"}, nil)) // not watched
	if index := put(t, tables, &api.Node{ID: "n"}).Index; true {
		changes, upTo, err := feed.Next(t.Context())
		if err != nil || len(changes) != 1 || upTo != index {
			t.Fatalf("changes are %v up to %d, error %v", changes, upTo, err)
		}
	}
}

func TestTheFeedIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	tables := newTables(t, table.Options{FeedBytes: 1000})
	first := tables.Watch(0)
	defer first.Close()
	var index uint64
	for i := range 20 { // of 100 bytes each
		index = put(t, tables, &api.Node{ID: fmt.Sprint(i)}).Index
	}
	if _, _, err := first.Next(t.Context()); !errors.Is(err, store.ErrResync) {
		t.Fatalf("error is %v, want ErrResync", err)
	}
	recent := tables.Watch(index - 10)
	defer recent.Close()
	if changes, _, err := recent.Next(t.Context()); err != nil || len(changes) != 10 {
		t.Fatalf("%d changes, error %v", len(changes), err)
	}
}

func TestOfManyObjectsTheFeedKeepsMoreChanges(t *testing.T) {
	tables := newTables(t, table.Options{FeedChanges: 1, FeedBytes: 1})
	const objects, kept = 320, 20
	for n := range objects {
		put(t, tables, &api.Node{ID: fmt.Sprintf("n%03d", n)})
	}
	recent := tables.Watch(objects - kept)
	defer recent.Close()
	changes, _, err := recent.Next(t.Context())
	if err != nil || len(changes) != kept {
		t.Errorf("of %d objects %d changes are kept (%v), want %d", objects, len(changes), err, kept)
	}
	older := tables.Watch(objects - kept - 1)
	defer older.Close()
	if _, _, err := older.Next(t.Context()); !errors.Is(err, store.ErrResync) {
		t.Errorf("a reader that is behind by more hears %v, want ErrResync", err)
	}
}

func TestATransactionLargerThanTheFeedIsStillTold(t *testing.T) {
	t.Parallel()
	tables := newTables(t, table.Options{FeedChanges: 10})
	feed := tables.Watch(0)
	defer feed.Close()
	var objects []api.Object
	for i := range 100 {
		objects = append(objects, &api.Node{ID: fmt.Sprint(i)})
	}
	put(t, tables, objects...)
	if changes, _, err := feed.Next(t.Context()); err != nil || len(changes) != 100 {
		t.Fatalf("%d changes, error %v", len(changes), err)
	}
}

func TestThousandsOfWaitingReadersAreWokenByTheirKindOnly(t *testing.T) {
	t.Parallel()
	tables := newTables(t, table.Options{})
	const readers = 2000
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	kinds := []api.Kind{api.KindNode, api.KindJob}
	woken := make(chan api.Kind, readers)
	var all sync.WaitGroup
	for i := range readers {
		kind := kinds[i%2]
		feed := tables.Watch(0, kind)
		all.Go(func() {
			defer feed.Close()
			changes, _, err := feed.Next(ctx)
			if err != nil || len(changes) == 0 || changes[0].Key.Kind != kind {
				t.Errorf("reader of %s got %v, error %v", kind, changes, err)
			}
			woken <- kind
		})
	}
	put(t, tables, &api.Node{ID: "n"})
	for range readers / 2 {
		if kind := <-woken; kind != api.KindNode {
			t.Fatalf("a reader of %s woke", kind)
		}
	}
	if index := put(t, tables, &api.Namespace{Name: "quiet"}).Index; index != 2 {
		t.Fatalf("index is %d", index)
	}
	put(t, tables, &api.Job{Namespace: new("a"), ID: new("j")})
	all.Wait()
}

func TestWaitingForAnIndexCanBeGivenUp(t *testing.T) {
	t.Parallel()
	tables := newTables(t, table.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	left, stayed := make(chan error), make(chan error)
	go func() { left <- tables.WaitIndex(ctx, 2) }()
	go func() { stayed <- tables.WaitIndex(t.Context(), 2) }()
	put(t, tables, &api.Node{ID: "n"})
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Fatalf("error is %v, want the context's", err)
	}
	put(t, tables, &api.Node{ID: "n"})
	if err := <-stayed; err != nil {
		t.Fatalf("error is %v", err)
	}
}
