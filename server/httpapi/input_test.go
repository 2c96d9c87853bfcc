package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/mem"
	"github.com/droverhq/drover/test/recorded"
)

const noUUID = "00000000-0000-0000-0000-000000000000"

func TestBadInputIsTheClientsFault(t *testing.T) {
	c := newCluster(t, func(o *Options) { o.Limits.MaxBody = 1 << 20 })
	c.hello()
	job := func(change func(map[string]any)) string {
		var in map[string]any
		if err := json.Unmarshal(exchange(t, "025").Request.Body, &in); err != nil {
			t.Fatal(err)
		}
		change(in["Job"].(map[string]any))
		return body(t, in)
	}
	group := func(j map[string]any) map[string]any { return j["TaskGroups"].([]any)[0].(map[string]any) }
	task := func(j map[string]any) map[string]any { return group(j)["Tasks"].([]any)[0].(map[string]any) }
	for name, input := range map[string]struct {
		method, path, body string
		want               int
		says               string
	}{
		"no JSON":                 {"PUT", "/v1/jobs", "hello", 400, "not the expected JSON"},
		"unquoted key":            {"PUT", "/v1/jobs", "{nope", 400, "invalid character 'n' looking for beginning of object key string"},
		"nothing":                 {"PUT", "/v1/jobs", "", 400, "job is missing"},
		"null":                    {"PUT", "/v1/jobs", "null", 400, "job is missing"},
		"a list":                  {"PUT", "/v1/jobs", "[]", 400, "array"},
		"a request without a job": {"PUT", "/v1/jobs", "{}", 400, "job is missing"},
		"null job":                {"PUT", "/v1/jobs", `{"Job":null}`, 400, "job is missing"},
		"empty job":               {"PUT", "/v1/jobs", `{"Job":{}}`, 400, "not valid"},
		"text behind":             {"PUT", "/v1/jobs", `{"Job":{}} x`, 400, "invalid character 'x'"},
		"cut":                     {"PUT", "/v1/jobs", `{"Job":{`, 400, "unexpected end"},
		"a number for a name":     {"PUT", "/v1/jobs", job(func(j map[string]any) { j["Name"] = 5 }), 400, "Job.Name"},
		"a text for a count":      {"PUT", "/v1/jobs", job(func(j map[string]any) { group(j)["Count"] = "two" }), 400, "Count"},
		"a fraction of a count":   {"PUT", "/v1/jobs", job(func(j map[string]any) { group(j)["Count"] = 1.5 }), 400, "Count"},
		"a huge number":           {"PUT", "/v1/jobs", `{"Job":{"Priority":1e400}}`, 400, "Priority"},
		"negative count":          {"PUT", "/v1/jobs", job(func(j map[string]any) { group(j)["Count"] = -1 }), 400, "count"},
		"null group":              {"PUT", "/v1/jobs", job(func(j map[string]any) { j["TaskGroups"] = []any{nil} }), 400, "Job.TaskGroups[0] is null"},
		"null task":               {"PUT", "/v1/jobs", job(func(j map[string]any) { group(j)["Tasks"] = []any{nil} }), 400, "Job.TaskGroups[0].Tasks[0] is null"},
		"null constraint":         {"PUT", "/v1/jobs", job(func(j map[string]any) { j["Constraints"] = []any{nil} }), 400, "Job.Constraints[0] is null"},
		"null network":            {"PUT", "/v1/jobs", job(func(j map[string]any) { group(j)["Networks"] = []any{nil} }), 400, "Networks[0] is null"},
		"null volume":             {"PUT", "/v1/jobs", job(func(j map[string]any) { group(j)["Volumes"] = map[string]any{"v": nil} }), 400, `Volumes["v"] is null`},
		"no groups":               {"PUT", "/v1/jobs", job(func(j map[string]any) { j["TaskGroups"] = nil }), 400, "not valid"},
		"no tasks":                {"PUT", "/v1/jobs", job(func(j map[string]any) { group(j)["Tasks"] = nil }), 400, "not valid"},
		"no resources":            {"PUT", "/v1/jobs", job(func(j map[string]any) { task(j)["Resources"] = nil; task(j)["Driver"] = "" }), 400, "driver"},
		"zero byte in ID":         {"PUT", "/v1/jobs", job(func(j map[string]any) { j["ID"] = "a\x00b" }), 400, "not valid"},
		"zero byte in group":      {"PUT", "/v1/jobs", job(func(j map[string]any) { group(j)["Name"] = "a\x00b" }), 400, "not valid"},
		"path as group":           {"PUT", "/v1/jobs", job(func(j map[string]any) { task(j)["Name"] = "../../etc" }), 400, "not valid"},
		"long ID":                 {"PUT", "/v1/jobs", job(func(j map[string]any) { j["ID"] = strings.Repeat("x", 5000) }), 400, "not valid"},
		"long namespace":          {"PUT", "/v1/jobs", job(func(j map[string]any) { j["Namespace"] = strings.Repeat("x", 5000) }), 400, ""},
		"invalid UTF-8":           {"PUT", "/v1/jobs", "{\"Job\":{\"ID\":\"\xff\xfe\"}}", 400, "UTF-8"},
		"too large":               {"PUT", "/v1/jobs", `{"Job":{"ID":"` + strings.Repeat("x", 1<<20) + `"}}`, 413, "larger than 1048576 bytes"},
		"deep lists":              {"PUT", "/v1/jobs", strings.Repeat("[", 500_000), 400, "exceeded max depth"},
		"deep maps":               {"PUT", "/v1/jobs", strings.Repeat(`{"a":`, 100_000), 400, "exceeded max depth"},
		"deep config":             {"PUT", "/v1/jobs", `{"Job":{"TaskGroups":[{"Tasks":[{"Config":` + strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000) + `}]}]}}`, 400, ""},
		"another ID in path":      {"PUT", "/v1/job/other", job(func(map[string]any) {}), 400, "not the one in the path"},
		"negative index":          {"PUT", "/v1/jobs", `{"EnforceIndex":true,"JobModifyIndex":-1}`, 400, "JobModifyIndex"},
		"priority of evaluation":  {"PUT", "/v1/jobs", strings.Replace(job(func(map[string]any) {}), "{", `{"EvalPriority":101,`, 1), 400, "EvalPriority"},

		"plan of nothing":     {"PUT", "/v1/job/hello/plan", "", 400, "job is missing"},
		"validate nothing":    {"PUT", "/v1/validate/job", "{}", 400, "job is missing"},
		"parse nothing":       {"PUT", "/v1/jobs/parse", "{}", 400, "JobHCL is missing"},
		"parse nonsense":      {"PUT", "/v1/jobs/parse", `{"JobHCL":"job \"x\" { \u0000 }"}`, 400, "Failed to parse job"},
		"parse other files":   {"PUT", "/v1/jobs/parse", `{"JobHCL":"job \"x\" { name = file(\"/etc/passwd\") }"}`, 400, "Failed to parse job"},
		"parse a deep text":   {"PUT", "/v1/jobs/parse", `{"JobHCL":"` + strings.Repeat("a{", 100_000) + `"}`, 400, "Failed to parse job"},
		"parse bad variables": {"PUT", "/v1/jobs/parse", `{"JobHCL":"job \"x\" {}","Variables":"{{{"}`, 400, "Failed to parse job"},

		"bad alloc ID":         {"GET", "/v1/allocation/zz", "", 400, "whole ID"},
		"bad eval ID":          {"GET", "/v1/evaluation/zz", "", 400, "whole ID"},
		"bad deployment ID":    {"GET", "/v1/deployment/zz", "", 400, "whole ID"},
		"bad node ID":          {"GET", "/v1/node/zz", "", 400, "whole ID"},
		"ID of other letters":  {"GET", "/v1/allocation/zzzzzzzz-zzzz-zzzz-zzzz-zzzzzzzzzzzz", "", 400, "whole ID"},
		"ID in braces":         {"GET", "/v1/allocation/{00000000-0000-0000-0000-000000000000}", "", 400, "whole ID"},
		"bad ID of stop":       {"PUT", "/v1/allocation/zz/stop", "", 400, "whole ID"},
		"bad ID of allocs":     {"GET", "/v1/evaluation/zz/allocations", "", 400, "whole ID"},
		"bad ID of node":       {"GET", "/v1/node/zz/allocations", "", 400, "whole ID"},
		"bad ID of deployment": {"GET", "/v1/deployment/allocations/zz", "", 400, "whole ID"},
		"no alloc":             {"GET", "/v1/allocation/" + noUUID, "", 404, "alloc not found"},
		"no alloc to stop":     {"PUT", "/v1/allocation/" + noUUID + "/stop", "", 404, "alloc not found"},
		"no eval":              {"GET", "/v1/evaluation/" + noUUID, "", 404, "eval not found"},
		"no deployment":        {"GET", "/v1/deployment/" + noUUID, "", 404, "deployment not found"},
		"no node":              {"GET", "/v1/node/" + noUUID, "", 404, "node not found"},
		"no job":               {"GET", "/v1/job/nope", "", 404, "job not found"},
		"no job's summary":     {"GET", "/v1/job/nope/summary", "", 404, "job not found"},
		"no job's versions":    {"GET", "/v1/job/nope/versions", "", 404, "job not found"},
		"no job's source":      {"GET", "/v1/job/nope/submission", "", 404, "job source not found"},
		"no pool":              {"GET", "/v1/node/pool/nope", "", 404, "node pool not found"},
		"no pool's nodes":      {"GET", "/v1/node/pool/nope/nodes", "", 404, "node pool not found"},
		"no pool's jobs":       {"GET", "/v1/node/pool/nope/jobs", "", 404, "node pool not found"},
		"no namespace":         {"GET", "/v1/namespace/nope", "", 404, "namespace not found"},

		"bad index":     {"GET", "/v1/jobs?index=x", "", 400, "index"},
		"bad wait":      {"GET", "/v1/jobs?index=1&wait=x", "", 400, "wait"},
		"negative wait": {"GET", "/v1/jobs?index=1&wait=-5s", "", 400, "wait"},
		"bad stale":     {"GET", "/v1/jobs?stale=perhaps", "", 400, "stale"},
		"bad pretty":    {"GET", "/v1/jobs?pretty=perhaps", "", 400, "pretty"},
		"bad per_page":  {"GET", "/v1/jobs?per_page=-1", "", 400, "per_page"},
		"bad reverse":   {"GET", "/v1/jobs?reverse=x", "", 400, "reverse"},
		"bad meta":      {"GET", "/v1/jobs?meta=x", "", 400, "meta"},
		"bad filter":    {"GET", "/v1/jobs?filter=Type%20=%20x", "", 400, "failed to read filter expression"},
		"no such field": {"GET", "/v1/jobs?filter=Nope%20==%20x", "", 400, "does not fit"},
		"deep filter":   {"GET", "/v1/jobs?filter=" + strings.Repeat("(", 5000), "", 400, "filter"},
		"bad query":     {"GET", "/v1/jobs?a=%zz", "", 400, "query string"},
		"query not UTF": {"GET", "/v1/jobs?prefix=%ff", "", 400, "UTF-8"},
		"bad version":   {"GET", "/v1/job/hello/submission?version=x", "", 400, "version"},
		"bad format":    {"GET", "/v1/metrics?format=xml", "", 400, "xml"},
		"bad purge":     {"DELETE", "/v1/job/hello?purge=x", "", 400, "purge"},
		"other region":  {"GET", "/v1/jobs?region=mars", "", 400, "mars"},
		"no topic":      {"GET", "/v1/event/stream?topic=Nope:x", "", 400, "Nope"},
		"topic to come": {"GET", "/v1/event/stream?topic=Service", "", 501, "not supported"},
		"bad os":        {"GET", "/v1/nodes?os=x", "", 400, "os"},
		"bad resources": {"GET", "/v1/allocations?resources=x", "", 400, "resources"},

		"bad eligibility": {"PUT", "/v1/node/" + helloNode + "/eligibility", `{"Eligibility":5}`, 400, "Eligibility"},
		"no eligibility":  {"PUT", "/v1/node/" + helloNode + "/eligibility", "", 400, "eligibility"},
		"bad evaluate":    {"PUT", "/v1/job/hello/evaluate", "[", 400, "JSON"},
		"no such job":     {"PUT", "/v1/job/nope/evaluate", `{"EvalOptions":{"ForceReschedule":true}}`, 404, "job not found"},

		"wrong method":         {"DELETE", "/v1/jobs", "", 405, "Invalid method"},
		"unknown method":       {"BREW", "/v1/jobs", "", 405, "Invalid method"},
		"wrong method of fs":   {"PUT", "/v1/client/fs/ls/" + helloAlloc, "", 405, "Invalid method"},
		"unknown path":         {"GET", "/v1/nope", "", 404, "/v1/nope not found"},
		"no version":           {"GET", "/jobs", "", 404, "not found"},
		"root":                 {"GET", "/", "", 404, "not found"},
		"nothing behind":       {"GET", "/v1/", "", 404, "not found"},
		"empty job ID":         {"GET", "/v1/job/", "", 404, "not found"},
		"two slashes":          {"GET", "/v1//jobs", "", 404, "not found"},
		"dots":                 {"GET", "/v1/job/../jobs", "", 404, "not found"},
		"escaped dots":         {"GET", "/v1/job/%2e%2e%2fjobs", "", 404, "job not found"},
		"zero byte in path":    {"GET", "/v1/job/a%00b", "", 400, "UTF-8"},
		"invalid path":         {"GET", "/v1/job/%ff", "", 400, "UTF-8"},
		"not supported":        {"GET", "/v1/agent/host", "", 501, "not supported: host information"},
		"not supported either": {"PUT", "/v1/var/a?lock-acquire", `{"Items":{"a":"b"}}`, 501, "not supported: locking variables"},
		"nor this":             {"PUT", "/v1/acl/bootstrap", "", 501, "not supported: access control"},
		"nor an evaluation":    {"DELETE", "/v1/evaluations", "{}", 501, "not supported: deleting evaluations"},
		"a pool called drain":  {"GET", "/v1/node/pool/drain", "", 404, "node pool not found"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), input.method, "http://drover", strings.NewReader(input.body))
			if err != nil {
				t.Fatal(err)
			}
			r.URL.Opaque = "//drover" + input.path // sent as it is
			a := c.send(r)
			if a.status != input.want || !strings.Contains(string(a.body), input.says) {
				t.Errorf("%d %.300s, want %d and %q", a.status, a.body, input.want, input.says)
			}
			if got := a.header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
				t.Errorf("Content-Type %q", got)
			}
		})
	}
}

func TestJobIDsMayContainSlashesAndWordsOfTheAPI(t *testing.T) {
	c := newCluster(t)
	for _, id := range []string{"count-args/dispatch-1", "a/plan", "nightly/periodic-1", "x/allocations/y", "jobs"} {
		c.put(testJob(id), &api.JobVersion{Job: testJob(id)}, &api.Allocation{ID: newID(), Namespace: "default", JobID: id})
		escaped := strings.ReplaceAll(id, "/", "%2F")
		var j api.Job
		c.get("/v1/job/"+escaped, &j)
		if *j.ID != id {
			t.Errorf("%s: got %s", escaped, *j.ID)
		}
		var allocs []api.AllocationListStub
		if c.get("/v1/job/"+escaped+"/allocations", &allocs); len(allocs) != 1 || allocs[0].JobID != id {
			t.Errorf("%s: allocations %v", escaped, allocs)
		}
	}
	var j api.Job
	if c.get("/v1/job/count-args/dispatch-1", &j); *j.ID != "count-args/dispatch-1" {
		t.Errorf("unescaped: got %s", *j.ID)
	}
}

func TestABodyThatComesTooSlowlyIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		start := time.Now()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://drover/v1/jobs", slowBody{t.Context()})
		if err != nil {
			t.Fatal(err)
		}
		response, err := c.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusRequestTimeout {
			t.Errorf("status %d", response.StatusCode)
		}
		if took := time.Since(start); took != time.Minute {
			t.Errorf("given up after %v", took)
		}
	})
}

// slowBody sends a byte every second.
type slowBody struct{ ctx context.Context }

func (s slowBody) Read(b []byte) (int, error) {
	select {
	case <-time.After(time.Second):
		return copy(b, " "), nil
	case <-s.ctx.Done():
		return 0, io.EOF
	}
}

func TestAPanicIsAnsweredAndTheServerLives(t *testing.T) {
	c := newCluster(t, func(o *Options) { o.Log = discard })
	c.api.router = newRouter(append(routes(), route{
		pattern: "panic", get: func(*call) error { panic("boom") },
	}, route{
		pattern: "panic/late", get: func(c *call) error { c.w.WriteHeader(200); panic("boom") },
	}))
	if a := c.do(http.MethodGet, "/v1/panic", ""); a.status != http.StatusInternalServerError || strings.Contains(string(a.body), "boom") {
		t.Errorf("%d %s", a.status, a.body)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://drover/v1/panic/late", nil)
	if err != nil {
		t.Fatal(err)
	}
	if response, err := c.client.Do(r); err == nil {
		if _, err := io.ReadAll(response.Body); err == nil {
			t.Error("an answer that broke off looks whole")
		}
		if err := response.Body.Close(); err != nil {
			t.Error(err)
		}
	}
	c.get("/v1/jobs", nil)
}

// FuzzBodies sends bodies to everything that reads one.
func FuzzBodies(f *testing.F) {
	exchanges, err := recorded.All()
	if err != nil {
		f.Fatal(err)
	}
	paths := []string{
		"/v1/jobs", "/v1/job/hello", "/v1/job/hello/plan", "/v1/validate/job", "/v1/jobs/parse", "/v1/job/hello/evaluate",
		"/v1/node/" + helloNode + "/eligibility", "/v1/operator/snapshot", "/v1/var/app/config", "/v1/allocation/" + noUUID + "/stop",
	}
	for _, r := range exchanges {
		if r.Request.Method != http.MethodGet && len(r.Request.Body) > 4 {
			for i := range paths {
				f.Add(uint8(i), []byte(r.Request.Body))
			}
		}
	}
	f.Add(uint8(0), []byte(`{"Job":{"ID":"x","TaskGroups":[{"Name":"g","Tasks":[{"Name":"t","Driver":"raw_exec","Config":{"command":"x"}}]}]}}`))
	s := fuzzedStore(f)
	ring := newKeyring(f)
	key, err := ring.NewKey(time.Now())
	if err != nil {
		f.Fatal(err)
	}
	if _, err := s.Apply(f.Context(), store.Txn{Writes: []store.Write{store.Put(key)}}); err != nil {
		f.Fatal(err)
	}
	a := New(Options{Store: s, Keyring: ring, Agent: Agent{Region: "global"}, Log: discard, Limits: Limits{MaxBody: 1 << 20}})
	f.Fuzz(func(t *testing.T, path uint8, body []byte) {
		w := httptest.NewRecorder()
		target := paths[int(path)%len(paths)]
		a.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPut, target, bytes.NewReader(body)))
		if w.Code >= 500 && w.Code != http.StatusNotImplemented {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	})
}

func fuzzedStore(f *testing.F) *mem.Store {
	s := mem.New(mem.Options{})
	txn := store.Txn{Writes: []store.Write{
		store.Put(&api.Namespace{Name: api.DefaultNamespace}), store.Put(&api.NodePool{Name: api.DefaultNodePool}),
	}}
	if _, err := s.Apply(f.Context(), txn); err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := s.Close(); err != nil {
			f.Error(err)
		}
	})
	return s
}

// FuzzPaths sends requests of any path and query.
func FuzzPaths(f *testing.F) {
	for _, seed := range []string{
		"/v1/jobs?filter=Type==x", "/v1/job/a%2Fb/plan", "/v1/event/stream?topic=Job:x&index=99", "/v1/allocation/" + noUUID,
		"/v1/jobs?per_page=1&next_token=default!x&reverse", "/v1/client/fs/ls/" + noUUID + "?path=..", "/v1/%zz", "/v1/job/%00",
	} {
		f.Add("GET", seed)
		f.Add("DELETE", seed)
	}
	s := fuzzedStore(f)
	a := New(Options{Store: s, Keyring: newKeyring(f), Agent: Agent{Region: "global"}, Log: discard})
	a.stop() // what waits is let go at once
	f.Fuzz(func(t *testing.T, method, path string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		u, err := r.URL.Parse(path)
		if err != nil || method == "" {
			t.Skip("no request")
		}
		r.Method, r.URL = method, u
		r.URL.RawQuery = strings.ReplaceAll(r.URL.RawQuery, "index", "x") // nobody would wake it
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		if w.Code == http.StatusInternalServerError {
			t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
	})
}

func TestEverythingThatReadsABodyIsFuzzed(t *testing.T) {
	// A body that is not JSON is refused by every path that reads one; those that
	// accept it read none.
	c := newCluster(t)
	c.hello()
	for _, r := range routes() {
		if r.put == nil || strings.Contains(r.pattern, "client/") || strings.HasSuffix(r.pattern, "/purge") {
			continue
		}
		path := strings.NewReplacer("{job...}", "hello", "{node}", helloNode, "{alloc}", helloAlloc).Replace(r.pattern)
		a := c.do(http.MethodPut, "/v1/"+path, "]")
		reads := !strings.HasSuffix(path, "/stop") && path != "system/gc" && path != "operator/keyring/rotate" && path != "node/"+helloNode+"/evaluate"
		if reads && a.status != http.StatusBadRequest && a.status != http.StatusNotImplemented {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}
