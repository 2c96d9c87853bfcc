package httpapi

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

const policyKind = `{"Description": "What is saved, and when", "Schema": {
	"type": "object", "required": ["schedule"], "additionalProperties": false,
	"properties": {"schedule": {"type": "string"}, "keep": {"type": "integer", "minimum": 1}}}}`

// refused does what must be answered with a status and a text that says all of want.
func (c *cluster) refused(method, path, body string, status int, want ...string) {
	c.t.Helper()
	a := c.do(method, path, body)
	if a.status != status {
		c.t.Errorf("%s %s: %d %s, want %d", method, path, a.status, a.body, status)
	}
	for _, text := range want {
		if !strings.Contains(string(a.body), text) {
			c.t.Errorf("%s %s: %q does not say %q", method, path, a.body, text)
		}
	}
}

func TestObjectsOfADefinedKindAreCheckedKeptListedAndDeleted(t *testing.T) {
	c := newCluster(t)
	c.refused("PUT", "/v1/resource/backup_policy/nightly", `{}`, 404, `kind "backup_policy" not found`)
	c.refused("PUT", "/v1/kind/Backup", policyKind, 400, "name: it must have")
	c.must("PUT", "/v1/kind/backup_policy", policyKind, nil)

	c.refused("PUT", "/v1/resource/backup_policy/nightly", `{"Spec": {"keep": 0}}`, 400,
		`backup_policy "nightly" is not valid`, "spec: missing: schedule", "spec.keep: minimum")
	c.refused("PUT", "/v1/resource/backup_policy/nightly?namespace=none", `{"Spec": {"schedule": "x"}}`, 400, `namespace "none" does not exist`)
	c.refused("PUT", "/v1/resource/backup_policy/nightly", `{"Name": "other", "Spec": {}}`, 400, `the body  "other"`)
	c.refused("PUT", "/v1/resource/backup_policy/a%20b", `{"Spec": {"schedule": "x"}}`, 400, "name: ")
	var first, again api.IndexResponse
	c.must("PUT", "/v1/resource/backup_policy/nightly?cas=0", `{"Spec": {"schedule": "@daily", "keep": 7}}`, &first)
	c.refused("PUT", "/v1/resource/backup_policy/nightly?cas=0", `{"Spec": {"schedule": "@daily"}}`, 409, "exists already")
	c.refused("PUT", "/v1/resource/backup_policy/nightly?cas=1", `{"Spec": {"schedule": "@daily"}}`, 409, "cas=1")
	c.must("PUT", "/v1/resource/backup_policy/nightly", `{"Spec": {"schedule": "@daily", "keep": 7}}`, &again)
	c.must("PUT", "/v1/resource/backup_policy/hourly", `{"Spec": {"schedule": "@hourly", "keep": 24}}`, nil)
	c.must("PUT", "/v1/resource/backup_policy/nightly/status", `{"Status": {"last": "ok"}}`, nil)

	var one api.Resource
	c.get("/v1/resource/backup_policy/nightly", &one)
	if one.ModifyIndex != first.Index || one.StatusIndex <= first.Index || fmt.Sprint(one.Status, one.Spec) != "map[last:ok] map[keep:7 schedule:@daily]" {
		t.Errorf("read %+v, want it as written at %d, with its status", one, first.Index)
	}
	for query, want := range map[string]string{
		"":                             "hourly nightly",
		"?prefix=n":                    "nightly",
		"?filter=Spec.keep==24":        "hourly",
		"?per_page=1":                  "hourly",
		"?next_token=default%2Fhourly": "nightly",
		"?namespace=*&reverse":         "nightly hourly",
		"?namespace=other":             "",
	} {
		var list []*api.Resource
		c.get("/v1/resources/backup_policy"+query, &list)
		var names []string
		for _, r := range list {
			names = append(names, r.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	c.refused("DELETE", "/v1/kind/backup_policy", "", 409, "in use: delete its objects first, 2 in all", "default/hourly")
	c.refused("DELETE", "/v1/resource/backup_policy/hourly?cas=1", "", 409)
	c.must("DELETE", "/v1/resource/backup_policy/hourly", "", nil)
	c.must("DELETE", "/v1/resource/backup_policy/nightly", "", nil)
	c.refused("GET", "/v1/resource/backup_policy/nightly", "", 404, `backup_policy "default/nightly" not found`)
	if n := c.store.Snapshot().Count(store.Query{Kind: api.StatusKind("backup_policy")}); n != 0 {
		t.Errorf("%d statuses are left", n)
	}
	c.must("DELETE", "/v1/kind/backup_policy", "", nil)
	c.refused("GET", "/v1/resources/backup_policy", "", 404)
}

func TestSchemaChangesOnlyWhenAllObjectsPass(t *testing.T) {
	c := newCluster(t)
	c.must("PUT", "/v1/kind/backup_policy", policyKind, nil)
	for i := range 12 {
		c.must("PUT", fmt.Sprintf("/v1/resource/backup_policy/p%02d", i), `{"Spec": {"schedule": "@daily"}}`, nil)
	}
	stricter := strings.Replace(policyKind, `["schedule"]`, `["schedule", "keep"]`, 1)
	c.refused("PUT", "/v1/kind/backup_policy", stricter, 409, "12 of its objects would not pass", "default/p00: spec: missing: keep", "and 2 more")
	c.must("PUT", "/v1/resource/backup_policy/p12", `{"Spec": {"schedule": "@daily"}}`, nil) // nothing is left pending
	wider := strings.Replace(policyKind, `"minimum": 1`, `"minimum": 0`, 1)
	c.must("PUT", "/v1/kind/backup_policy", wider, nil)
	c.must("PUT", "/v1/resource/backup_policy/p00", `{"Spec": {"schedule": "@daily", "keep": 0}}`, nil)
	c.refused("PUT", "/v1/kind/backup_policy", strings.Replace(wider, `{"Desc`, `{"Scope": "cluster", "Desc`, 1), 400, "can't become cluster")
	var before, after api.KindDefinition
	c.get("/v1/kind/backup_policy", &before)
	c.must("PUT", "/v1/kind/backup_policy", wider, nil)
	c.get("/v1/kind/backup_policy", &after)
	if before.ModifyIndex != after.ModifyIndex || after.Pending != nil {
		t.Errorf("the same definition was written again: %+v", after)
	}
}

func TestNothingIsMadeOfAKindThatIsBeingDeleted(t *testing.T) {
	c := newCluster(t)
	c.must("PUT", "/v1/kind/backup_policy", policyKind, nil)
	var d api.KindDefinition
	c.get("/v1/kind/backup_policy", &d)
	d.Pending = api.Values{"not": map[string]any{}} // as a server that died half-way leaves it
	c.put(&d)
	c.refused("PUT", "/v1/resource/backup_policy/nightly", `{"Spec": {"schedule": "x"}}`, 409, "just being changed or deleted")
	c.must("PUT", "/v1/kind/backup_policy", policyKind, nil)
	c.must("PUT", "/v1/resource/backup_policy/nightly", `{"Spec": {"schedule": "x"}}`, nil)
}

func TestANamespaceIsDeletedWhenNoObjectsOfADefinedKindAreInIt(t *testing.T) {
	c := newCluster(t)
	c.must("PUT", "/v1/kind/backup_policy", policyKind, nil)
	c.must("PUT", "/v1/namespace/dev", `{}`, nil)
	c.must("PUT", "/v1/resource/backup_policy/nightly?namespace=dev", `{"Spec": {"schedule": "x"}}`, nil)
	c.refused("DELETE", "/v1/namespace/dev", "", 400, `has objects of kind "backup_policy", such as "nightly"`)
	c.must("DELETE", "/v1/resource/backup_policy/nightly?namespace=dev", "", nil)
	c.must("DELETE", "/v1/namespace/dev", "", nil)
}

func TestNoObjectComesIntoANamespaceThatIsBeingDeleted(t *testing.T) {
	c := newCluster(t)
	c.must("PUT", "/v1/kind/backup_policy", policyKind, nil)
	c.put(&api.Namespace{Name: "dev"})
	object := &api.Resource{Kind: "backup_policy", Namespace: "dev", Name: "nightly", Spec: api.Values{"schedule": "x"}}
	before := c.store.Snapshot()
	planned, err := planResource(before, object)
	if err != nil {
		t.Fatal(err)
	}
	outside, err := newOutsideTxn(before, store.Txn{Writes: []store.Write{store.Put(object)}}).admit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.put(&api.Namespace{Name: "dev", Deleting: true})
	for name, txn := range map[string]store.Txn{"a route": planned, "a transaction": outside} {
		if _, err := c.store.Apply(t.Context(), txn); !isConflict(err) {
			t.Errorf("%s that had looked before: %v, want a conflict", name, err)
		}
	}
	c.refused("PUT", "/v1/resource/backup_policy/nightly?namespace=dev", `{"Spec": {"schedule": "x"}}`, 400, `namespace "dev" does not exist`)
	c.refusedOutside(400, `namespace "dev" does not exist`, store.Put(object))
}

func TestObjectsOfTheClusterAreInNoNamespace(t *testing.T) {
	c := newCluster(t)
	c.must("PUT", "/v1/kind/disk_class", `{"Scope": "cluster", "Schema": {"type": "object"}}`, nil)
	c.refused("PUT", "/v1/resource/disk_class/fast", `{"Namespace": "default"}`, 400, "are in no namespace")
	c.must("PUT", "/v1/resource/disk_class/fast", `{}`, nil)
	var one api.Resource
	c.get("/v1/resource/disk_class/fast?namespace=whatever", &one)
	if one.Namespace != "" {
		t.Errorf("it is in namespace %q", one.Namespace)
	}
}

func TestObjectsOfADefinedKindAreWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.must("PUT", "/v1/kind/backup_policy", policyKind, nil)
		c.refused("GET", "/v1/event/stream?topic=backup_polisy", "", 400, `there is no topic "backup_polisy"`)
		some, all := c.listen("topic=backup_policy"), c.listen("topic=*")
		all.expect("NodePool/NodePoolUpserted/all NodePool/NodePoolUpserted/default")
		all.expect("KindDefinition/KindDefined/backup_policy")
		at := c.must("PUT", "/v1/resource/backup_policy/nightly", `{"Spec": {"schedule": "x"}}`, nil).header.Get("X-Nomad-Index")
		waited := make(chan answered)
		go func() { waited <- c.do(http.MethodGet, "/v1/resource/backup_policy/nightly?index="+at, "") }()
		synctest.Wait()
		c.must("PUT", "/v1/resource/backup_policy/nightly/status", `{"Status": {"a": 1}}`, nil)
		if a := <-waited; !strings.Contains(string(a.body), `"Status":{"a":1}`) {
			t.Errorf("a blocking query got %s", a.body)
		}
		for _, l := range []*listener{some, all} {
			l.expect("backup_policy/ResourceUpdated/nightly")
			e := l.expect("backup_policy/ResourceStatusUpdated/nightly")
			payload := e.Events[0].Payload["backup_policy"].(map[string]any)
			if payload["Name"] != "nightly" {
				t.Errorf("payload %v", payload)
			}
		}
		c.must("DELETE", "/v1/resource/backup_policy/nightly", "", nil)
		for _, l := range []*listener{some, all} {
			l.expect("backup_policy/ResourceDeleted/nightly")
		}
	})
}
