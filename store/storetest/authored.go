package storetest

import (
	"reflect"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

func authoredKinds(t *testing.T, open Opener) {
	const policy, quota = api.Kind("backup_policy"), api.Kind("disk_quota")
	o := opened(t, open)
	s := o.Store
	empty := s.Snapshot()
	feed := s.Watch(empty.Index(), policy)
	defer feed.Close()
	apply(t, s, store.Put(resource(policy, "default", "nightly", 7)))
	apply(t, s, store.Put(resource(quota, "", "nightly", 1)), store.Put(resourceStatus(policy, "default", "nightly")))
	apply(t, s, store.Put(resource(policy, "default", "hourly", 24)), store.Put(resource(policy, "ops", "nightly", 30)))
	old := s.Snapshot()
	index := apply(t, s, store.Put(resource(policy, "default", "nightly", 8)), store.Delete(resource(policy, "ops", "nightly", 0).Key()))

	wantSlice(t, "policies before the first", ids(empty, store.Query{Kind: policy}), []string{})
	wantSlice(t, "policies in an older snapshot", ids(old, store.Query{Kind: policy}), []string{"default/hourly", "default/nightly", "ops/nightly"})
	check := func(s store.Store) {
		snap := s.Snapshot()
		wantSlice(t, "policies", ids(snap, store.Query{Kind: policy}), []string{"default/hourly", "default/nightly"})
		wantSlice(t, "policies of a namespace", ids(snap, store.Query{Kind: policy, Namespace: "ops"}), []string{})
		wantSlice(t, "policies by prefix", ids(snap, store.Query{Kind: policy, IDPrefix: "n"}), []string{"default/nightly"})
		wantSlice(t, "quotas", ids(snap, store.Query{Kind: quota}), []string{"nightly"})
		wantEqual(t, "typed count", store.Count[*api.Resource](snap, store.Query{Kind: policy}), 2)
		status, _ := store.First[*api.ResourceStatus](snap, store.Query{Kind: api.StatusKind(policy)})
		if status == nil || !reflect.DeepEqual(status.Status, api.Values{"done": true}) {
			t.Fatalf("status is %+v", status)
		}
		nightly, _ := store.Get[*api.Resource](snap, resource(policy, "default", "nightly", 0).Key())
		if nightly == nil || !reflect.DeepEqual(nightly.Spec, api.Values{"keep": int64(8)}) || nightly.ModifyIndex != index {
			t.Fatalf("policy is %+v, want one that keeps 8, of index %d", nightly, index)
		}
	}
	check(s)
	changes := drain(t, feed, index)
	wantEqual(t, "changes", len(changes), 5)
	for _, c := range changes {
		wantEqual(t, "kind of a change", c.Key.Kind, policy)
	}
	if o.Reopen != nil {
		check(o.Reopen(t).Store)
	}
}
