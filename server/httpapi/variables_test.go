package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// withVariables is a cluster that has a root key.
func withVariables(t *testing.T) *cluster {
	t.Helper()
	c := newCluster(t)
	key, err := c.api.keyring.NewKey(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	c.put(key)
	return c
}

// putVar writes a variable of one item, and returns the status with the variable as it is.
func (c *cluster) putVar(path, value string) (int, api.Variable) {
	c.t.Helper()
	body, err := json.Marshal(map[string]any{"Items": map[string]string{"v": value}})
	if err != nil {
		c.t.Fatal(err)
	}
	a := c.do(http.MethodPut, "/v1/var/"+path, string(body))
	var v api.Variable
	if a.status == http.StatusOK || a.status == http.StatusConflict {
		if err := json.Unmarshal(a.body, &v); err != nil {
			c.t.Fatalf("%v in %s", err, a.body)
		}
	}
	return a.status, v
}

func TestVariablesAreWrittenReadListedAndDeleted(t *testing.T) {
	c := withVariables(t)
	c.put(&api.Namespace{Name: "other"})
	_, first := c.putVar("app/config", "one")
	if _, again := c.putVar("app/config", "two"); again.CreateIndex != first.CreateIndex || again.ModifyIndex <= first.ModifyIndex ||
		again.CreateTime != first.CreateTime || again.Items["v"] != "two" {
		t.Errorf("%+v after %+v", again, first)
	}
	c.putVar("app/config?namespace=other", "three")
	c.putVar("zoo", "four")
	var got api.Variable
	c.get("/v1/var/app/config?namespace=other", &got)
	if got.Items["v"] != "three" || got.Namespace != "other" {
		t.Errorf("%+v", got)
	}
	for query, want := range map[string]string{
		"":                        "[default/app/config default/zoo]",
		"?prefix=app":             "[default/app/config]",
		"?namespace=*":            "[default/app/config default/zoo other/app/config]",
		"?namespace=*&reverse":    "[other/app/config default/zoo default/app/config]",
		"?namespace=*&per_page=1": "[default/app/config]",
		"?namespace=*&next_token=default%2Fapp%2Fconfig": "[default/zoo other/app/config]",
		`?namespace=*&filter=Path+matches+"^z"`:          "[default/zoo]",
		"?namespace=none":                                "[]",
	} {
		var list []api.VariableMetadata
		a := c.get("/v1/vars"+query, &list)
		var names []string
		for _, v := range list {
			names = append(names, v.Namespace+"/"+v.Path)
		}
		if fmt.Sprint(names) != want {
			t.Errorf("%s: %v", query, names)
		}
		if strings.Contains(string(a.body), "Items") || strings.Contains(string(a.body), "Sealed") {
			t.Errorf("%s shows more than what there is: %s", query, a.body)
		}
	}
	if a := c.do(http.MethodDelete, "/v1/var/zoo", ""); a.status != http.StatusNoContent || len(a.body) != 0 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := c.do(http.MethodDelete, "/v1/var/zoo", ""); a.status != http.StatusNoContent {
		t.Errorf("again: %d %s", a.status, a.body)
	}
	if a := c.do(http.MethodGet, "/v1/var/zoo", ""); a.status != http.StatusNotFound || string(a.body) != "variable not found" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := c.do(http.MethodDelete, "/v1/namespace/other", ""); a.status != http.StatusBadRequest || !strings.Contains(string(a.body), "purge") {
		t.Errorf("a namespace with variables: %d %s", a.status, a.body)
	}
}

func TestWhatIsInAVariableIsNotInTheStore(t *testing.T) {
	c := withVariables(t)
	c.putVar("app", "hunter2")
	for _, kind := range api.Kinds() {
		for o := range c.store.Snapshot().Scan(store.Query{Kind: kind}) {
			b, err := o.MarshalMsg(nil)
			if err != nil || strings.Contains(string(b), "hunter2") {
				t.Errorf("%s: %v %q", o.Key(), err, b)
			}
		}
	}
	for _, path := range []string{"/v1/event/stream?kind=Variable", "/v1/event/stream?kind=RootKey", "/v1/event/stream?topic=Variable"} {
		if a := c.do(http.MethodGet, path, ""); a.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}

func TestAWriteThatCameTooLateIsAnsweredWithWhatThereIs(t *testing.T) {
	c := withVariables(t)
	if status, v := c.putVar("a?cas=7", "x"); status != http.StatusConflict || v.ModifyIndex != 0 || v.Path != "a" {
		t.Errorf("what is not there: %d %+v", status, v)
	}
	status, first := c.putVar("a?cas=0", "one")
	if status != http.StatusOK {
		t.Fatal(status)
	}
	if status, v := c.putVar("a?cas=0", "two"); status != http.StatusConflict || v.Items["v"] != "one" || v.ModifyIndex != first.ModifyIndex {
		t.Errorf("%d %+v", status, v)
	}
	if status, v := c.putVar(fmt.Sprintf("a?cas=%d", first.ModifyIndex), "two"); status != http.StatusOK || v.Items["v"] != "two" {
		t.Errorf("%d %+v", status, v)
	}
	if a := c.do(http.MethodDelete, fmt.Sprintf("/v1/var/a?cas=%d", first.ModifyIndex), ""); a.status != http.StatusConflict || !strings.Contains(string(a.body), "two") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := c.do(http.MethodPut, "/v1/var/a?cas=x", `{"Items":{"a":"b"}}`); a.status != http.StatusBadRequest {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestOfManyWhoCountOneByOneNobodyIsLost(t *testing.T) {
	c := withVariables(t)
	const writers, each = 8, 10
	c.putVar("count", "0")
	var writing sync.WaitGroup
	var conflicts atomic.Int64
	for range writers {
		writing.Go(func() {
			for done := 0; done < each; {
				var v api.Variable
				if err := json.Unmarshal(c.do(http.MethodGet, "/v1/var/count", "").body, &v); err != nil {
					t.Error(err)
					return
				}
				var n int
				if _, err := fmt.Sscan(v.Items["v"], &n); err != nil {
					t.Error(err)
					return
				}
				switch status, _ := c.putVar(fmt.Sprintf("count?cas=%d", v.ModifyIndex), fmt.Sprint(n+1)); status {
				case http.StatusOK:
					done++
				case http.StatusConflict:
					conflicts.Add(1)
				default:
					t.Error(status)
					return
				}
			}
		})
	}
	writing.Wait()
	var v api.Variable
	c.get("/v1/var/count", &v)
	if v.Items["v"] != fmt.Sprint(writers*each) {
		t.Errorf("%s of %d, with %d conflicts", v.Items["v"], writers*each, conflicts.Load())
	}
}

func TestWhoWaitsForAVariableHearsOfItAlone(t *testing.T) {
	c := withVariables(t)
	missing := c.do(http.MethodGet, "/v1/var/a", "")
	index := missing.header.Get("X-Nomad-Index")
	heard := make(chan answered)
	go func() { heard <- c.do(http.MethodGet, "/v1/var/a?wait=1m&index="+index, "") }()
	c.putVar("b", "x")
	c.putVar("a", "y")
	if a := <-heard; a.status != http.StatusOK || !strings.Contains(string(a.body), `"y"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestBadVariablesAreRefused(t *testing.T) {
	c := withVariables(t)
	for what, ask := range map[string][3]string{
		"no items":           {"a", `{}`, "missing required Items"},
		"a bad path":         {"a.b", `{"Items":{"a":"b"}}`, "invalid path"},
		"a reserved path":    {"nomad/x", `{"Items":{"a":"b"}}`, "below nomad"},
		"too much":           {"a", `{"Items":{"a":"` + strings.Repeat("x", api.MaxVariableItems) + `"}}`, "limited to 64KiB"},
		"a number":           {"a", `{"Items":{"a":1}}`, "can't be read as"},
		"all namespaces":     {"a?namespace=*", `{"Items":{"a":"b"}}`, "one namespace"},
		"an absent one":      {"a?namespace=none", `{"Items":{"a":"b"}}`, "does not exist"},
		"no JSON":            {"a", `{`, "not the expected JSON"},
		"items that are not": {"a", `{"Items":null}`, "missing required Items"},
	} {
		if a := c.do(http.MethodPut, "/v1/var/"+ask[0], ask[1]); a.status != http.StatusBadRequest || !strings.Contains(string(a.body), ask[2]) {
			t.Errorf("%s: %d %s", what, a.status, a.body)
		}
	}
	for _, body := range []string{`{"Items":{"a":"b"},"Lock":{"TTL":"15s"}}`, `{"Items":{"a":"b"}}`} {
		for _, lock := range []string{"lock-acquire", "lock-renew", "lock-release"} {
			if a := c.do(http.MethodPut, "/v1/var/a?"+lock, body); a.status != http.StatusNotImplemented || !strings.Contains(string(a.body), "locking variables") {
				t.Errorf("%s: %d %s", lock, a.status, a.body)
			}
		}
	}
}

func TestRootKeysAreRotatedAndRemoved(t *testing.T) {
	c := withVariables(t)
	keys := func() map[string]string {
		var list []api.RootKeyMeta
		c.get("/v1/operator/keyring/keys", &list)
		states := map[string]string{}
		for _, k := range list {
			states[k.KeyID] = k.State
		}
		return states
	}
	var first string
	for id := range keys() {
		first = id
	}
	c.putVar("old", "x")
	var rotated api.KeyringRotateResponse
	c.must(http.MethodPut, "/v1/operator/keyring/rotate", "", &rotated)
	second := rotated.Key.KeyID
	if got := keys(); len(got) != 2 || got[first] != api.RootKeyInactive || got[second] != api.RootKeyActive {
		t.Errorf("%v", got)
	}
	c.putVar("new", "y")
	for path, id := range map[string]string{"old": first, "new": second} {
		if v := get[*api.SealedVariable](c.store.Snapshot(), api.VariableKey("default", path)); v.KeyID != id {
			t.Errorf("%s is sealed with %s", path, v.KeyID)
		}
		c.get("/v1/var/"+path, nil)
	}
	remove := func(id string) answered { return c.do(http.MethodDelete, "/v1/operator/keyring/key/"+id, "") }
	if a := remove(second); a.status != http.StatusBadRequest || !strings.Contains(string(a.body), "active root key") {
		t.Errorf("the active key: %d %s", a.status, a.body)
	}
	if a := remove(first); a.status != http.StatusBadRequest || !strings.Contains(string(a.body), "1 variables are sealed") {
		t.Errorf("a key that is used: %d %s", a.status, a.body)
	}
	c.must(http.MethodPut, "/v1/operator/keyring/rotate?full", "", &rotated)
	if got := keys(); got[first] != api.RootKeyRekeying || got[second] != api.RootKeyRekeying || got[rotated.Key.KeyID] != api.RootKeyActive {
		t.Errorf("%v", got)
	}
	if a := remove(first + "?force"); a.status != http.StatusOK {
		t.Errorf("by force: %d %s", a.status, a.body)
	}
	if a := c.do(http.MethodGet, "/v1/var/old", ""); a.status != http.StatusInternalServerError || !strings.Contains(string(a.body), "has been removed") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := remove(first); a.status != http.StatusNotFound {
		t.Errorf("again: %d %s", a.status, a.body)
	}
	for _, query := range []string{"algo=xchacha20", "publish_time=17"} {
		if a := c.do(http.MethodPut, "/v1/operator/keyring/rotate?"+query, ""); a.status != http.StatusNotImplemented {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
}
