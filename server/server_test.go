package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"go.uber.org/goleak"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/server"
	"github.com/droverhq/drover/store/mem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// running is a server with its data on disk, and a client of its API.
type running struct {
	t      *testing.T
	url    string
	client *http.Client
	cancel context.CancelFunc
	ended  chan error
}

func start(t *testing.T, dir string) *running {
	t.Helper()
	o := server.Options{
		DataDir: dir, Name: "one", Version: "1.2.3", HTTP: listen(t), Sessions: listen(t), Log: logr.Discard(),
		HeaderTimeout: time.Second,
	}
	s, err := server.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{
		t: t, url: "http://" + o.HTTP.Addr().String(), client: &http.Client{Transport: &http.Transport{}},
		cancel: cancel, ended: make(chan error, 1),
	}
	go func() { r.ended <- s.Start(ctx) }()
	t.Cleanup(r.stop)
	return r
}

// stop ends the server, once, and expects it to end in order.
func (r *running) stop() {
	r.t.Helper()
	if r.ended == nil {
		return
	}
	r.cancel()
	if err := <-r.ended; err != nil {
		r.t.Errorf("the server ended with %v", err)
	}
	r.ended = nil
	r.client.CloseIdleConnections()
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (r *running) do(method, path, body string, into any) int {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	response, err := r.client.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	if into != nil && response.StatusCode == http.StatusOK {
		if err := json.Unmarshal(b, into); err != nil {
			r.t.Fatalf("%s %s: %v in %s", method, path, err, b)
		}
	}
	return response.StatusCode
}

// until asks again and again, each time waiting for something to have changed, until
// the answer will do.
func until[T any](r *running, path string, enough func(T) bool) T {
	r.t.Helper()
	for index := "0"; ; {
		request, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.url+path+"?wait=30s&index="+index, nil)
		if err != nil {
			r.t.Fatal(err)
		}
		response, err := r.client.Do(request)
		if err != nil {
			r.t.Fatal(err)
		}
		var v T
		err = json.NewDecoder(response.Body).Decode(&v)
		if err = errors.Join(err, response.Body.Close()); err != nil {
			r.t.Fatalf("%s: %v", path, err)
		}
		if enough(v) {
			return v
		}
		index = response.Header.Get("X-Nomad-Index")
	}
}

const job = `{"Job":{"ID":"shop","Datacenters":["dc1"],"TaskGroups":[{"Name":"web","Count":2,"Tasks":[
	{"Name":"app","Driver":"raw_exec","Config":{"command":"/bin/true"}}]}]}}`

func TestAServerBecomesTheLeaderAndHasTheBuiltInObjects(t *testing.T) {
	r := start(t, t.TempDir())
	until(r, "/v1/node/pools", func(pools []api.NodePool) bool { return len(pools) == 2 })
	until(r, "/v1/namespaces", func(n []api.Namespace) bool { return len(n) == 1 && n[0].Name == "default" })
	var self api.AgentSelf
	if code := r.do(http.MethodGet, "/v1/agent/self", "", &self); code != http.StatusOK || self.Member.Name != "one.global" {
		t.Errorf("self: %d %+v", code, self.Member)
	}
	if code := r.do(http.MethodGet, "/v1/agent/health", "", nil); code != http.StatusOK {
		t.Errorf("health: %d", code)
	}
	if code := r.do(http.MethodGet, "/v1/metrics?format=prometheus", "", nil); code != http.StatusOK {
		t.Errorf("metrics: %d", code)
	}
}

func TestAJobThatFindsNoRoomSaysWhyAndOutlivesTheServer(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir)
	until(r, "/v1/node/pools", func(pools []api.NodePool) bool { return len(pools) == 2 })
	var out api.JobRegisterResponse
	if code := r.do(http.MethodPut, "/v1/jobs", job, &out); code != http.StatusOK {
		t.Fatalf("register: %d", code)
	}
	done := until(r, "/v1/evaluation/"+out.EvalID, func(e api.Evaluation) bool { return e.Terminal() })
	if done.Status != api.EvalComplete || done.FailedTGAllocs["web"] == nil || done.BlockedEval == "" {
		t.Errorf("evaluation %+v", done)
	}
	summary := until(r, "/v1/job/shop/summary", func(s api.JobSummary) bool { return s.Summary["web"].Queued == 2 })
	r.stop()

	r = start(t, dir)
	var again api.JobSummary
	if code := r.do(http.MethodGet, "/v1/job/shop/summary", "", &again); code != http.StatusOK || again.Summary["web"] != summary.Summary["web"] {
		t.Errorf("after a restart: %d %+v, want %+v", code, again, summary)
	}
}

func TestABuiltInObjectThatIsRestoredAwayComesBack(t *testing.T) {
	empty := emptySnapshot(t)
	r := start(t, t.TempDir())
	first := until(r, "/v1/node/pools", func(pools []api.NodePool) bool { return len(pools) == 2 })
	if code := r.do(http.MethodPut, "/v1/operator/snapshot", empty, nil); code != http.StatusOK {
		t.Fatalf("restore: %d", code)
	}
	until(r, "/v1/node/pools", func(pools []api.NodePool) bool { return len(pools) == 2 && pools[0].CreateIndex > first[0].CreateIndex })
}

func TestTheServerKeepsItsID(t *testing.T) {
	dir := t.TempDir()
	id := func() string {
		r := start(t, dir)
		defer r.stop()
		var self api.AgentSelf
		r.do(http.MethodGet, "/v1/agent/self", "", &self)
		return self.Member.Tags["id"]
	}
	if first, second := id(), id(); first == "" || first != second {
		t.Errorf("ID %q, then %q", first, second)
	}
	if err := os.WriteFile(filepath.Join(dir, "id"), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	h, s := listen(t), listen(t)
	defer h.Close()
	defer s.Close()
	if _, err := server.New(server.Options{DataDir: dir, Name: "one", HTTP: h, Sessions: s, Log: logr.Discard()}); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("with a damaged ID: %v", err)
	}
}

func TestStoppingEndsStreamsInOrder(t *testing.T) {
	r := start(t, t.TempDir())
	until(r, "/v1/node/pools", func(pools []api.NodePool) bool { return len(pools) == 2 })
	response, err := r.client.Get(r.url + "/v1/event/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	began := make([]byte, 1)
	if _, err := io.ReadFull(response.Body, began); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	r.stop()
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("stopping took %v", took)
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Errorf("the stream broke off: %v", err)
	}
}

func TestAClientThatSaysNothingIsGivenUp(t *testing.T) {
	r := start(t, t.TempDir())
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprint(conn, "GET /v1/jobs HTTP/1.1\r\nHost: x\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(conn); err != nil {
		t.Errorf("the server did not end the connection: %v", err)
	}
}

func TestAHeadThatIsTooLargeIsRefused(t *testing.T) {
	r := start(t, t.TempDir())
	if code := r.do(http.MethodGet, "/v1/jobs?prefix="+strings.Repeat("x", 200<<10), "", nil); code != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d", code)
	}
}

// emptySnapshot is a backup of a state without objects.
func emptySnapshot(t *testing.T) string {
	t.Helper()
	s := mem.New(mem.Options{})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	var b strings.Builder
	if err := s.Save(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
