package httpapi

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// scale asks for a count of the group of the job hello.
func (c *cluster) scale(request string) answered {
	c.t.Helper()
	return c.do(http.MethodPut, "/v1/job/hello/scale", request)
}

func TestScalingMakesANewVersionAndTellsOfIt(t *testing.T) {
	c := newCluster(t)
	c.register(helloRequest(t))
	var out api.JobRegisterResponse
	c.must(http.MethodPut, "/v1/job/hello/scale", `{"Target":{"Group":"example"},"Count":3,"Message":"more","Meta":{"load":7}}`, &out)
	job, _ := store.Get[*api.Job](c.store.Snapshot(), api.JobKey("default", "hello"))
	if n, v := api.Deref(job.TaskGroups[0].Count), api.Deref(job.Version); n != 3 || v != 1 {
		t.Fatalf("count %d, version %d", n, v)
	}
	if e := c.eval(out.EvalID); e.TriggeredBy != api.TriggerScaling || e.Status != api.EvalPending {
		t.Fatalf("evaluation %+v", e)
	}
	c.must(http.MethodPut, "/v1/job/hello/scale", `{"Target":{"Group":"example"},"Message":"all is well","Error":true}`, nil)
	var status api.JobScaleStatus
	c.must(http.MethodGet, "/v1/job/hello/scale", "", &status)
	events := status.TaskGroups["example"].Events
	if len(events) != 2 || status.TaskGroups["example"].Desired != 3 {
		t.Fatalf("%+v", status)
	}
	if e := events[0]; !e.Error || e.Count != nil || e.PreviousCount != 3 || e.Message != "all is well" || e.CreateIndex != out.Index+1 {
		t.Errorf("latest %+v", e)
	}
	if e := events[1]; api.Deref(e.Count) != 3 || e.PreviousCount != 1 || *e.EvalID != out.EvalID || e.CreateIndex != out.Index || e.Meta["load"] != int64(7) {
		t.Errorf("first %+v", e)
	}
}

func TestScalingEventsAreBounded(t *testing.T) {
	c := newCluster(t)
	c.register(helloRequest(t))
	for n := range api.MaxScalingEvents + 5 {
		c.must(http.MethodPut, "/v1/job/hello/scale", fmt.Sprintf(`{"Target":{"Group":"example"},"Message":"%d"}`, n), nil)
	}
	var status api.JobScaleStatus
	c.must(http.MethodGet, "/v1/job/hello/scale", "", &status)
	events := status.TaskGroups["example"].Events
	if len(events) != api.MaxScalingEvents || events[0].Message != fmt.Sprint(api.MaxScalingEvents+4) {
		t.Fatalf("%d events, the latest %+v", len(events), events[0])
	}
}

func TestWhatCantBeScaledIsRefused(t *testing.T) {
	c := newCluster(t)
	in := helloRequest(t)
	in.Job.TaskGroups[0].Scaling = &api.ScalingPolicy{Min: new(int64(1)), Max: new(int64(5))}
	c.register(in)
	for _, test := range []struct{ request, says string }{
		{`{"Count":1}`, "missing task group name for scaling action"},
		{`{"Target":{"Group":"nobody"},"Count":1}`, "does not exist in job"},
		{`{"Target":{"Group":"example"},"Count":-1}`, "can't be negative"},
		{`{"Target":{"Group":"example"},"Count":99999999999}`, "can't be more than"},
		{`{"Target":{"Group":"example"},"Count":1,"Error":true}`, "should not contain count if error is true"},
		{`{"Target":{"Group":"example"},"Count":0}`, "less than scaling policy minimum: 0 < 1"},
		{`{"Target":{"Group":"example"},"Count":6}`, "greater than scaling policy maximum: 6 > 5"},
		{`{"Target":{"Group":"example"},"Count":2,"EnforceIndex":true,"JobModifyIndex":99999}`, "conflicting job modify index"},
	} {
		got := c.scale(test.request)
		if got.status < 400 || got.status >= 500 || !strings.Contains(string(got.body), test.says) {
			t.Errorf("%s: %d %s", test.request, got.status, got.body)
		}
	}
	if got := c.do(http.MethodPut, "/v1/job/nobody/scale", `{"Target":{"Group":"example"},"Count":1}`); got.status != http.StatusNotFound {
		t.Errorf("an unknown job: %d %s", got.status, got.body)
	}
}

func TestAJobIsNotScaledDuringItsRollout(t *testing.T) {
	c := newCluster(t)
	c.register(helloRequest(t))
	job, _ := store.Get[*api.Job](c.store.Snapshot(), api.JobKey("default", "hello"))
	c.put(&api.Deployment{
		ID: "5d64f3b1-7d5b-4b6f-8e4c-0b7cf7a0a001", Namespace: "default", JobID: "hello",
		JobCreateIndex: api.Deref(job.CreateIndex), Status: api.DeploymentRunning,
	})
	r := exchange(t, "073")
	got := c.scale(string(r.Request.Body))
	sameHeaders(t, r, got)
	if got.status != r.Status || string(got.body) != recordedBody[string](t, "073") {
		t.Fatalf("%d %s", got.status, got.body)
	}
}

func TestScaleStatusAnswersAsRecorded(t *testing.T) {
	c := newCluster(t)
	c.hello()
	r := exchange(t, "074")
	got := c.must(http.MethodGet, r.Request.Path, "", nil)
	sameHeaders(t, r, got)
	// It was recorded with a second instance, which is not healthy yet.
	want := []string{"$.TaskGroups.example.Desired: want 2, got 1", "$.TaskGroups.example.Placed: want 2, got 1"}
	if d := differences("$", tree(t, r.Body), tree(t, got.body)); !slices.Equal(d, want) {
		t.Error(strings.Join(d, "\n"))
	}
}

func TestPoliciesOfJobsAreListed(t *testing.T) {
	c := newCluster(t)
	r := exchange(t, "139")
	none := c.must(http.MethodGet, r.Request.Path, "", nil)
	sameHeaders(t, r, none)
	if d := differences("$", tree(t, r.Body), tree(t, none.body)); len(d) > 0 {
		t.Error(strings.Join(d, "\n"))
	}
	web := &api.ScalingPolicy{
		ID: "f0e1", Namespace: "default", Type: "horizontal", Enabled: new(true), Min: new(int64(1)), Max: new(int64(9)),
		Target: map[string]string{"Namespace": "default", "Job": "shop", "Group": "web"}, Policy: api.Values{"cooldown": "1m"},
	}
	c.put(web, &api.ScalingPolicy{ID: "f0e2", Namespace: "dev", Type: "horizontal", Target: map[string]string{"Job": "shop"}})
	for query, want := range map[string]int{
		"": 1, "?namespace=*": 2, "?namespace=dev": 1, "?job=shop": 1, "?job=nobody": 0, "?type=vertical_cpu": 0, "?namespace=*&prefix=f0e2": 1,
	} {
		var list []api.ScalingPolicyListStub
		if c.get("/v1/scaling/policies"+query, &list); len(list) != want {
			t.Errorf("%s: %d policies", query, len(list))
		}
	}
	var one api.ScalingPolicy
	if c.get("/v1/scaling/policy/f0e1", &one); one.Policy["cooldown"] != "1m" || *one.Max != 9 || one.CreateIndex == 0 {
		t.Errorf("%+v", one)
	}
	if got := c.do(http.MethodGet, "/v1/scaling/policy/none", ""); got.status != http.StatusNotFound {
		t.Errorf("%d %s", got.status, got.body)
	}
}
