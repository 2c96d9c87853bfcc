package httpapi

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

func TestNamespacesAndPoolsAreWrittenAsRecorded(t *testing.T) {
	for _, pair := range [][2]string{{"129", "130"}, {"132", "133"}} {
		c := newCluster(t)
		put, read := exchange(t, pair[0]), exchange(t, pair[1])
		got := c.must(put.Request.Method, put.Request.Path, string(put.Request.Body), nil)
		sameHeaders(t, put, got)
		if len(got.body) > 0 {
			t.Errorf("%s: says %s", put.Request.Path, got.body)
		}
		got = c.must(http.MethodGet, read.Request.Path, "", nil)
		sameHeaders(t, read, got)
		if d := differences("$", tree(t, read.Body), tree(t, got.body)); len(d) > 0 {
			t.Errorf("%s:\n%s", read.Request.Path, strings.Join(d, "\n"))
		}
	}
}

func TestWhatANamespaceOrPoolCantBeIsRefused(t *testing.T) {
	c := newCluster(t)
	long := strings.Repeat("x", 300)
	for _, test := range []struct{ path, body, says string }{
		{"/v1/namespace/a b", `{}`, "letters, digits and dashes"},
		{"/v1/namespace", `{}`, "letters, digits and dashes"},
		{"/v1/namespace/dev", `{"Name":"prod"}`, "not the one in the path"},
		{"/v1/namespace/dev", `{"Description":"` + long + `"}`, "it may have 256"},
		{"/v1/namespace/dev", `{"Quota":"q"}`, "not supported: quotas"},
		{"/v1/namespace/dev", `{"NodePoolConfiguration":{"Allowed":["a"],"Denied":["b"]}}`, "both allowed and denied"},
		{"/v1/node/pool/all", `{"Description":"mine"}`, "built in"},
		{"/v1/node/pool/default", `{}`, "built in"},
		{"/v1/node/pools", `{"Name":"a/b"}`, "underscores"},
		{"/v1/node/pool/gpu", `{"SchedulerConfiguration":{"SchedulerAlgorithm":"random"}}`, "neither binpack nor spread"},
	} {
		got := c.do(http.MethodPut, strings.ReplaceAll(test.path, " ", "%20"), test.body)
		if got.status != http.StatusBadRequest || !strings.Contains(string(got.body), test.says) {
			t.Errorf("%s %s: %d %s", test.path, test.body, got.status, got.body)
		}
	}
}

// helloIn is the recorded job hello in another namespace and pool.
func helloIn(t *testing.T, namespace, pool string) api.JobRegisterRequest {
	t.Helper()
	in := helloRequest(t)
	in.Job.Namespace, in.Job.NodePool = &namespace, &pool
	return in
}

func TestANamespaceIsDeletedWhenItsJobsAreDead(t *testing.T) {
	c := newCluster(t)
	c.must(http.MethodPut, "/v1/namespace/dev", `{}`, nil)
	c.register(helloIn(t, "dev", "default"))
	refused := c.do(http.MethodDelete, "/v1/namespace/dev", "")
	if refused.status != http.StatusBadRequest || !strings.Contains(string(refused.body), `such as "hello"`) {
		t.Fatalf("%d %s", refused.status, refused.body)
	}
	c.register(helloIn(t, "dev", "default")) // it is as it was
	c.put(&api.JobStatus{Namespace: "dev", JobID: "hello", Status: api.JobStatusDead})
	c.must(http.MethodDelete, "/v1/namespace/dev", "", nil)
	if got := c.do(http.MethodGet, "/v1/namespace/dev", ""); got.status != http.StatusNotFound {
		t.Fatalf("%d %s", got.status, got.body)
	}
	for _, path := range []string{"/v1/namespace/dev", "/v1/node/pool/nobody"} {
		if got := c.do(http.MethodDelete, path, ""); got.status != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if got := c.do(http.MethodDelete, "/v1/namespace/default", ""); got.status != http.StatusBadRequest {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestNothingComesIntoAContainerThatIsBeingDeleted(t *testing.T) {
	c := newCluster(t)
	c.put(&api.Namespace{Name: "dev", Deleting: true}, &api.NodePool{Name: "gpu", Deleting: true})
	for _, in := range []api.JobRegisterRequest{helloIn(t, "dev", "default"), helloIn(t, "default", "gpu")} {
		got := c.do(http.MethodPut, "/v1/jobs", body(t, in))
		if got.status != http.StatusBadRequest || !strings.Contains(string(got.body), "does not exist") {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
	c.must(http.MethodPut, "/v1/namespace/dev", `{}`, nil) // whoever writes it wants it
	c.register(helloIn(t, "dev", "default"))
}

func TestAPoolIsDeletedWhenNothingIsInIt(t *testing.T) {
	c := newCluster(t)
	c.must(http.MethodPut, "/v1/node/pools", `{"Name":"gpu"}`, nil)
	node := &api.Node{ID: "6d2f4c0a-6a3e-4f0e-8d2d-0a2b8f7d1c11", NodePool: "gpu"}
	c.put(node)
	if got := c.do(http.MethodDelete, "/v1/node/pool/gpu", ""); got.status != http.StatusBadRequest || !strings.Contains(string(got.body), "1 nodes") {
		t.Fatalf("%d %s", got.status, got.body)
	}
	c.remove(node.Key())
	c.register(helloIn(t, "default", "gpu"))
	if got := c.do(http.MethodDelete, "/v1/node/pool/gpu", ""); got.status != http.StatusBadRequest || !strings.Contains(string(got.body), `"hello"`) {
		t.Fatalf("%d %s", got.status, got.body)
	}
	c.put(&api.JobStatus{Namespace: "default", JobID: "hello", Status: api.JobStatusDead})
	c.must(http.MethodDelete, "/v1/node/pool/gpu", "", nil)
	if got := c.do(http.MethodDelete, "/v1/node/pool/all", ""); got.status != http.StatusBadRequest {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestANamespaceSaysWhatItsJobsMayUse(t *testing.T) {
	c := newCluster(t)
	c.put(&api.NodePool{Name: "gpu-1"}, &api.NodePool{Name: "web"})
	write := func(config string) { c.must(http.MethodPut, "/v1/namespace/dev", config, nil) }
	for _, test := range []struct{ config, pool, says string }{
		{`{"Capabilities":{"EnabledTaskDrivers":["docker"]}}`, "default", `task driver "raw_exec" is not allowed`},
		{`{"Capabilities":{"DisabledTaskDrivers":["raw_exec"]}}`, "default", `task driver "raw_exec" is not allowed`},
		{`{"Capabilities":{"EnabledTaskDrivers":["raw_exec"],"EnabledNetworkModes":["bridge"]}}`, "default", `network mode "host" is not allowed`},
		{`{"NodePoolConfiguration":{"Allowed":["gpu-*"]}}`, "web", `node pool "web" is not allowed`},
		{`{"NodePoolConfiguration":{"Allowed":["gpu-*"]}}`, "gpu-1", ""},
		{`{"NodePoolConfiguration":{"Denied":["web"]}}`, "web", `node pool "web" is not allowed`},
		{`{"Capabilities":{"EnabledTaskDrivers":["raw_exec"],"DisabledNetworkModes":["bridge"]}}`, "default", ""},
	} {
		write(test.config)
		got := c.do(http.MethodPut, "/v1/jobs", body(t, helloIn(t, "dev", test.pool)))
		if ok := got.status == http.StatusOK; ok != (test.says == "") || !strings.Contains(string(got.body), test.says) {
			t.Errorf("%s: %d %s", test.config, got.status, got.body)
		}
	}
	write(`{"NodePoolConfiguration":{"Default":"web"}}`)
	c.register(helloIn(t, "dev", ""))
	if j, _ := store.Get[*api.Job](c.store.Snapshot(), api.JobKey("dev", "hello")); api.Deref(j.NodePool) != "web" {
		t.Errorf("it is in the pool %q", api.Deref(j.NodePool))
	}
	var shown map[string]json.RawMessage
	if c.get("/v1/namespace/dev", &shown); shown["Deleting"] != nil {
		t.Error("it shows what is internal")
	}
}
