package httpapi

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

func testJob(id string) *api.Job {
	return &api.Job{
		Namespace: new("default"), ID: &id, Name: &id, Type: new(api.JobTypeService), Priority: new(50),
		Region: new("global"), NodePool: new("default"), Version: new(uint64(0)), Stop: new(false),
		TaskGroups: []*api.TaskGroup{{Name: new("g"), Count: new(1)}},
	}
}

// later starts a request; what it gets comes on the channel.
func (c *cluster) later(path string) <-chan answered {
	done := make(chan answered, 1)
	go func() { done <- c.do(http.MethodGet, path, "") }()
	return done
}

func blocked(t *testing.T, done <-chan answered) {
	t.Helper()
	synctest.Wait()
	select {
	case a := <-done:
		t.Fatalf("answered %d %s, expected to wait", a.status, a.body)
	default:
	}
}

func TestABlockingQueryAnswersWhenWhatItAsksForChanges(t *testing.T) {
	job := "/v1/job/shop"
	alloc := &api.Allocation{
		ID: "11111111-1111-1111-1111-111111111111", Namespace: "default", JobID: "shop", TaskGroup: "g",
		NodeID: "22222222-2222-2222-2222-222222222222", EvalID: "33333333-3333-3333-3333-333333333333",
		DeploymentID: "44444444-4444-4444-4444-444444444444",
	}
	status := &api.AllocationStatus{ID: alloc.ID, Namespace: "default", JobID: "shop", NodeID: alloc.NodeID, ClientStatus: "running"}
	eval := &api.Evaluation{ID: alloc.EvalID, Namespace: "default", JobID: "shop"}
	deployment := &api.Deployment{ID: alloc.DeploymentID, Namespace: "default", JobID: "shop"}
	node := &api.Node{ID: alloc.NodeID}
	for path, changes := range map[string][]api.Object{
		"/v1/jobs":                   {testJob("shop"), alloc, status, &api.JobStatus{Namespace: "default", JobID: "shop"}},
		"/v1/jobs/statuses":          {testJob("shop"), deployment},
		job:                          {testJob("shop"), &api.JobStatus{Namespace: "default", JobID: "shop"}, &api.JobVersion{Job: testJob("shop"), Stable: true}},
		job + "/summary":             {alloc, status, testJob("shop")},
		job + "/allocations":         {alloc, status},
		job + "/evaluations":         {eval},
		job + "/deployments":         {deployment},
		job + "/deployment":          {deployment},
		job + "/versions":            {&api.JobVersion{Job: testJob("shop")}},
		"/v1/allocations":            {alloc, status},
		"/v1/allocation/" + alloc.ID: {alloc, status},
		"/v1/evaluations":            {eval},
		"/v1/evaluation/" + eval.ID:  {eval},
		"/v1/evaluation/" + eval.ID + "/allocations": {alloc, status},
		"/v1/deployments":                             {deployment},
		"/v1/deployment/" + deployment.ID:             {deployment},
		"/v1/deployment/allocations/" + deployment.ID: {alloc, status},
		"/v1/nodes":                            {node, &api.NodeIntent{NodeID: node.ID}, &api.NodeStatus{NodeID: node.ID}},
		"/v1/node/" + node.ID:                  {node, &api.NodeIntent{NodeID: node.ID}, &api.NodeStatus{NodeID: node.ID}},
		"/v1/node/" + node.ID + "/allocations": {alloc, status},
		"/v1/node/pools":                       {&api.NodePool{Name: "gpu"}},
		"/v1/namespaces":                       {&api.Namespace{Name: "team"}},
		"/v1/namespace/default":                {&api.Namespace{Name: "default"}},
	} {
		t.Run(path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t)
				c.put(testJob("shop"), &api.JobVersion{Job: testJob("shop")}, alloc, status, eval, deployment, node)
				for _, change := range changes {
					index := c.store.Snapshot().Index()
					done := c.later(fmt.Sprintf("%s?index=%d", path, index))
					blocked(t, done)
					c.put(&api.Job{Namespace: new("elsewhere"), ID: new("other"), ParentID: new("x")}, &api.NodeSession{NodeID: "z"})
					if !strings.HasPrefix(path, "/v1/jobs") {
						blocked(t, done)
					}
					at := c.put(change)
					synctest.Wait()
					a := <-done
					if a.status != http.StatusOK {
						t.Fatalf("answered %d %s", a.status, a.body)
					}
					if got := a.header.Get("X-Nomad-Index"); got != strconv.FormatUint(at, 10) && !strings.HasPrefix(path, "/v1/jobs") {
						t.Errorf("X-Nomad-Index is %s, want %d", got, at)
					}
				}
			})
		})
	}
}

func TestABlockingQueryEndsWithItsWait(t *testing.T) {
	for wait, want := range map[string]time.Duration{
		"": 5 * time.Minute, "&wait=2s": 2 * time.Second, "&wait=24h": 10 * time.Minute, "&wait=0s": 0,
	} {
		synctest.Test(t, func(t *testing.T) {
			c := newCluster(t)
			start := time.Now()
			c.get(fmt.Sprintf("/v1/jobs?index=%d%s", c.store.Snapshot().Index(), wait), nil)
			if took := time.Since(start); took < want || took > want+want/16+time.Second {
				t.Errorf("%q took %v, want %v and at most a sixteenth more", wait, took, want)
			}
		})
	}
}

func TestABlockingQueryIsLetGoWhenTheServerStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		done := c.later(fmt.Sprintf("/v1/jobs?index=%d", c.store.Snapshot().Index()))
		blocked(t, done)
		c.stop()
		if a := <-done; a.status != http.StatusOK {
			t.Errorf("answered %d %s", a.status, a.body)
		}
	})
}

func TestABlockingQueryWhoseClientLeftWaitsNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		ctx, cancel := context.WithCancel(t.Context())
		path := fmt.Sprintf("http://drover/v1/jobs?index=%d", c.store.Snapshot().Index())
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, path, nil)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() {
			response, err := c.client.Do(r)
			if err == nil {
				err = response.Body.Close()
			}
			done <- err
		}()
		synctest.Wait()
		if n := c.api.hub.Waiting(); n != 1 {
			t.Fatalf("%d wait, want 1", n)
		}
		cancel()
		<-done
		synctest.Wait()
		if n := c.api.hub.Waiting(); n != 0 {
			t.Errorf("%d still wait", n)
		}
	})
}

func TestReadsNeedALeaderUnlessStaleOnesWillDo(t *testing.T) {
	c := newCluster(t)
	c.put(testJob("shop"))
	c.store.SetLeader(store.LeaderInfo{})
	if a := c.do(http.MethodGet, "/v1/jobs", ""); a.status != http.StatusServiceUnavailable || !strings.Contains(string(a.body), "leader") {
		t.Errorf("without a leader: %d %s", a.status, a.body)
	}
	var jobs []api.JobListStub
	a := c.get("/v1/jobs?stale", &jobs)
	if len(jobs) != 1 || a.header.Get("X-Nomad-Knownleader") != "false" {
		t.Errorf("stale read: %d jobs, known leader %s", len(jobs), a.header.Get("X-Nomad-Knownleader"))
	}
	if a := c.do(http.MethodDelete, "/v1/job/shop", ""); a.status != http.StatusServiceUnavailable {
		t.Errorf("write without a leader: %d %s", a.status, a.body)
	}
	if a := c.do(http.MethodGet, "/v1/status/leader", ""); a.status != http.StatusServiceUnavailable {
		t.Errorf("leader: %d %s", a.status, a.body)
	}
	if a := c.do(http.MethodGet, "/v1/agent/health", ""); a.status != http.StatusInternalServerError || !strings.Contains(string(a.body), `"ok":false`) {
		t.Errorf("health: %d %s", a.status, a.body)
	}
}

func TestAnswersAreCompressedForThoseWhoReadThat(t *testing.T) {
	c := newCluster(t)
	for i := range 200 {
		c.put(testJob(fmt.Sprintf("job-%03d", i)))
	}
	for header, want := range map[string]string{"gzip": "gzip", "deflate, gzip;q=0.5": "gzip", "": "", "gzip;q=0": "", "br": ""} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://drover/v1/jobs", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept-Encoding", header)
		a := c.send(r)
		if got := a.header.Get("Content-Encoding"); got != want {
			t.Errorf("Accept-Encoding %q: got %q", header, got)
			continue
		}
		body := a.body
		if want == "gzip" {
			zip, err := gzip.NewReader(strings.NewReader(string(a.body)))
			if err != nil {
				t.Fatal(err)
			}
			if body, err = io.ReadAll(zip); err != nil {
				t.Fatal(err)
			}
		}
		var jobs []api.JobListStub
		if err := json.Unmarshal(body, &jobs); err != nil || len(jobs) != 200 {
			t.Errorf("Accept-Encoding %q: %d jobs, %v", header, len(jobs), err)
		}
	}
}

func TestAnswersAreIndentedOnDemand(t *testing.T) {
	c := newCluster(t)
	c.put(testJob("shop"))
	for _, path := range []string{"/v1/job/shop", "/v1/jobs"} {
		plain, pretty := c.get(path, nil), c.get(path+"?pretty", nil)
		if strings.Contains(string(plain.body), "\n") || !strings.Contains(string(pretty.body), "\n    ") {
			t.Errorf("%s: plain %s, pretty %s", path, plain.body, pretty.body)
		}
		if d := differences("$", tree(t, plain.body), tree(t, pretty.body)); len(d) > 0 {
			t.Errorf("%s: %v", path, d)
		}
	}
}
