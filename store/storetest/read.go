package storetest

import (
	"strings"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

func snapshotStays(t *testing.T, open Opener) {
	s := opened(t, open).Store
	for i := range 200 {
		apply(t, s, store.Put(allocation(i, "shop", "n1")))
	}
	snap := s.Snapshot()
	byNode := store.Query{Kind: api.KindAllocation, Index: store.ByNode, Value: "n1"}
	want, index := ids(snap, byNode), snap.Index()
	for i := range 200 {
		switch i % 3 {
		case 0:
			apply(t, s, store.Delete(api.Key{Kind: api.KindAllocation, ID: want[i]}))
		case 1:
			apply(t, s, store.Put(allocation(i, "shop", "n2")))
		case 2:
			apply(t, s, store.Put(allocation(1000+i, "shop", "n1")))
		}
	}
	wantEqual(t, "index", snap.Index(), index)
	wantSlice(t, "allocations of n1", ids(snap, byNode), want)
	wantEqual(t, "count", snap.Count(byNode), len(want))
	for _, id := range want {
		a, ok := store.Get[*api.Allocation](snap, api.Key{Kind: api.KindAllocation, ID: id})
		if !ok || a.NodeID != "n1" {
			t.Fatalf("allocation %s changed in the snapshot: %+v", id, a)
		}
	}
}

func queries(t *testing.T, open Opener) {
	s := opened(t, open).Store
	for _, id := range []string{"a/web", "a/web-2", "a/db", "b/web", "b/cache", "ab/web"} {
		ns, name, _ := strings.Cut(id, "/")
		apply(t, s, store.Put(job(ns, name)))
	}
	apply(t, s, store.Put(allocation(1, "web", "n1")), store.Put(allocation(2, "web", "n2")), store.Put(allocation(10, "db", "n1")))
	jobs := store.Query{Kind: api.KindJob}
	allocs := store.Query{Kind: api.KindAllocation}
	with := func(q store.Query, f func(*store.Query)) store.Query { f(&q); return q }
	after := func(k api.Key) *api.Key { return &k }
	cases := []struct {
		name  string
		query store.Query
		want  []string
	}{
		{"all", jobs, []string{"a/db", "a/web", "a/web-2", "ab/web", "b/cache", "b/web"}},
		{"namespace", with(jobs, func(q *store.Query) { q.Namespace = "a" }), []string{"a/db", "a/web", "a/web-2"}},
		{"no such namespace", with(jobs, func(q *store.Query) { q.Namespace = "c" }), []string{}},
		{"prefix", with(jobs, func(q *store.Query) { q.IDPrefix = "web" }), []string{"a/web", "a/web-2", "ab/web", "b/web"}},
		{"namespace and prefix", with(jobs, func(q *store.Query) { q.Namespace, q.IDPrefix = "a", "web" }), []string{"a/web", "a/web-2"}},
		{"after", with(jobs, func(q *store.Query) { q.After = after(api.JobKey("a", "web")) }), []string{"a/web-2", "ab/web", "b/cache", "b/web"}},
		{"prefix after", with(jobs, func(q *store.Query) { q.IDPrefix, q.After = "web", after(api.JobKey("a", "web-2")) }), []string{"ab/web", "b/web"}},
		{"after the last", with(jobs, func(q *store.Query) { q.After = after(api.JobKey("b", "web")) }), []string{}},
		{"allocation prefix", with(allocs, func(q *store.Query) { q.IDPrefix = "alloc-0000" }), []string{"alloc-00001", "alloc-00002"}},
		{"allocations of a namespace", with(allocs, func(q *store.Query) { q.Namespace = "default" }), []string{"alloc-00001", "alloc-00002", "alloc-00010"}},
		{"allocations of another", with(allocs, func(q *store.Query) { q.Namespace = "a" }), []string{}},
		{"both", with(allocs, func(q *store.Query) { q.Namespace, q.IDPrefix = "default", "alloc-0001" }), []string{"alloc-00010"}},
		{"by node", with(allocs, func(q *store.Query) { q.Index, q.Value = store.ByNode, "n1" }), []string{"alloc-00001", "alloc-00010"}},
		{"by job", with(allocs, func(q *store.Query) { q.Index, q.Value = store.ByJob, store.JobValue("default", "web") }), []string{"alloc-00001", "alloc-00002"}},
		{"by job of another namespace", with(allocs, func(q *store.Query) { q.Index, q.Value = store.ByJob, store.JobValue("a", "web") }), []string{}},
		{"by node, after", with(allocs, func(q *store.Query) {
			q.Index, q.Value, q.After = store.ByNode, "n1", after(api.Key{Kind: api.KindAllocation, ID: "alloc-00001"})
		}), []string{"alloc-00010"}},
		{"an index that the kind does not have", with(jobs, func(q *store.Query) { q.Index, q.Value = store.ByNode, "n1" }), []string{}},
		{"a kind that nobody knows", store.Query{Kind: "Unheard"}, []string{}},
	}
	snap := s.Snapshot()
	for _, c := range cases {
		wantSlice(t, c.name, ids(snap, c.query), c.want)
		wantEqual(t, "count of "+c.name, snap.Count(c.query), len(c.want))
	}
	for range snap.Scan(jobs) {
		break // must not go on
	}
	if first, ok := store.First[*api.Job](snap, store.Query{IDPrefix: "web"}); !ok || first.Key() != api.JobKey("a", "web") {
		t.Fatalf("the first job is %v", first)
	}
	wantEqual(t, "typed count", store.Count[*api.Allocation](snap, store.Query{}), 3)
}

func indexEntries(t *testing.T, open Opener) {
	s := opened(t, open).Store
	listed := func(value string) []string {
		return ids(s.Snapshot(), store.Query{Kind: api.KindEvaluation, Index: store.ByStatus, Value: value})
	}
	eval := &api.Evaluation{ID: "e", Namespace: "default", JobID: "shop", Status: api.EvalPending}
	apply(t, s, store.Put(eval))
	wantSlice(t, "pending evaluations", listed(api.EvalPending), []string{"e"})
	eval.Status = api.EvalComplete
	apply(t, s, store.Put(eval))
	wantSlice(t, "pending evaluations", listed(api.EvalPending), []string{})
	wantSlice(t, "complete evaluations", listed(api.EvalComplete), []string{"e"})
	eval.Status = ""
	apply(t, s, store.Put(eval))
	wantSlice(t, "evaluations without status", listed(""), []string{})
	apply(t, s, store.Delete(eval.Key()))
	wantSlice(t, "complete evaluations", listed(api.EvalComplete), []string{})
	wantSlice(t, "evaluations of the job",
		ids(s.Snapshot(), store.Query{Kind: api.KindEvaluation, Index: store.ByJob, Value: store.JobValue("default", "shop")}), []string{})
}
