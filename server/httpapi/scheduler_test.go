package httpapi

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/droverhq/drover/api"
)

const schedulerPath = "/v1/operator/scheduler/configuration"

func TestTheSchedulerConfigurationIsReadAsRecorded(t *testing.T) {
	c := newCluster(t)
	c.put(api.DefaultSchedulerConfiguration())
	want := exchange(t, "134")
	got := c.must(http.MethodGet, want.Request.Path, "", nil)
	sameHeaders(t, want, got)
	if d := differences("$", tree(t, want.Body), tree(t, got.body)); len(d) > 0 {
		t.Errorf("%s", strings.Join(d, "\n"))
	}
}

func TestTheSchedulerConfigurationIsWrittenAsAWhole(t *testing.T) {
	c := newCluster(t)
	var read api.SchedulerConfigurationResponse
	c.get(schedulerPath, &read)
	if got := read.SchedulerConfig; got.SchedulerAlgorithm != api.AlgorithmBinPack || !got.PreemptionConfig.SystemSchedulerEnabled {
		t.Errorf("by default: %+v", got)
	}
	var did api.SchedulerUpdateResponse
	c.must(http.MethodPut, schedulerPath+"?cas=0", `{"SchedulerAlgorithm":"spread","PreemptionConfig":{"BatchSchedulerEnabled":true}}`, &did)
	c.get(schedulerPath, &read)
	want := api.SchedulerConfiguration{SchedulerAlgorithm: api.AlgorithmSpread, PreemptionConfig: api.PreemptionConfig{BatchSchedulerEnabled: true}}
	want.SetIndexes(did.Index, did.Index)
	if !did.Updated || *read.SchedulerConfig != want || read.Index != did.Index {
		t.Errorf("%+v, then %+v", did, read.SchedulerConfig)
	}

	first := did.Index
	for _, test := range []struct {
		cas     uint64
		updated bool
	}{{0, false}, {first - 1, false}, {first, true}, {first, false}} {
		c.must(http.MethodPut, fmt.Sprint(schedulerPath, "?cas=", test.cas), `{}`, &did)
		if did.Updated != test.updated {
			t.Errorf("cas=%d: %+v", test.cas, did)
		}
	}
	c.get(schedulerPath, &read)
	if read.SchedulerConfig.SchedulerAlgorithm != api.AlgorithmBinPack || read.Index == first {
		t.Errorf("after {}: %+v", read.SchedulerConfig)
	}
}

func TestWhatASchedulerConfigurationCantBeIsRefused(t *testing.T) {
	c := newCluster(t)
	for _, test := range []struct{ path, body, says string }{
		{schedulerPath, `{"SchedulerAlgorithm":"random"}`, `"random" is neither binpack nor spread`},
		{schedulerPath, `{"NodeLimitForFeasibilityChecks":5}`, "every node is looked at"},
		{schedulerPath + "?cas=x", `{}`, "not a whole number"},
	} {
		got := c.do(http.MethodPut, test.path, test.body)
		if got.status != http.StatusBadRequest || !strings.Contains(string(got.body), test.says) {
			t.Errorf("%s %s: %d %s", test.path, test.body, got.status, got.body)
		}
	}
}

func TestAMemoryMaxWithoutEffectIsWarnedOf(t *testing.T) {
	c := newCluster(t)
	in := helloRequest(t)
	in.Job.TaskGroups[0].Tasks[0].Resources.MemoryMaxMB = new(512)
	warns := func(request api.JobRegisterRequest) bool {
		t.Helper()
		var plan api.JobPlanResponse
		c.must(http.MethodPut, "/v1/job/hello/plan", body(t, api.JobPlanRequest{Job: request.Job}), &plan)
		registered := c.register(request)
		says := strings.Contains(registered.Warnings, "memory_max of task")
		if says != strings.Contains(plan.Warnings, "memory_max of task") {
			t.Errorf("plan says %q, run says %q", plan.Warnings, registered.Warnings)
		}
		return says
	}
	if warns(helloRequest(t)) || !warns(in) {
		t.Error("a job is warned of what it does not have, or not of what it has")
	}
	c.must(http.MethodPut, "/v1/node/pool/bursts", `{"SchedulerConfiguration":{"MemoryOversubscriptionEnabled":true}}`, nil)
	in.Job.NodePool = new("bursts")
	if warns(in) {
		t.Error("the pool grants memory_max, but the job is warned")
	}
	c.must(http.MethodPut, schedulerPath, `{"MemoryOversubscriptionEnabled":true}`, nil)
	in.Job.NodePool = new("default")
	if warns(in) {
		t.Error("the cluster grants memory_max, but the job is warned")
	}
}

func TestNothingNewIsTakenWhileRegistrationIsRejected(t *testing.T) {
	c := newCluster(t)
	template := helloRequest(t)
	template.Job.ID, template.Job.ParameterizedJob = new("template"), &api.ParameterizedJobConfig{}
	template.Job.Type = new(api.JobTypeBatch)
	for _, g := range template.Job.TaskGroups {
		g.Update, g.Migrate, g.ReschedulePolicy = nil, nil, nil
	}
	c.must(http.MethodPut, "/v1/jobs", body(t, template), nil)
	c.must(http.MethodPut, "/v1/jobs", body(t, helloRequest(t)), nil)
	again := helloRequest(t)
	again.Job.Meta = map[string]string{"version": "1"}
	c.must(http.MethodPut, "/v1/jobs", body(t, again), nil)

	c.must(http.MethodPut, schedulerPath, `{"RejectJobRegistration":true}`, nil)
	for _, test := range []struct{ path, body string }{
		{"/v1/jobs", body(t, helloRequest(t))},
		{"/v1/job/template/dispatch", `{}`},
		{"/v1/job/hello/scale", `{"Count":2,"Target":{"Group":"example"}}`},
		{"/v1/job/hello/revert", `{"JobID":"hello","JobVersion":0}`},
	} {
		got := c.do(http.MethodPut, test.path, test.body)
		if got.status != http.StatusForbidden || !strings.Contains(string(got.body), "RejectJobRegistration") {
			t.Errorf("%s: %d %s", test.path, got.status, got.body)
		}
	}
	c.must(http.MethodPut, "/v1/job/hello/plan", body(t, api.JobPlanRequest{Job: helloRequest(t).Job}), nil)
	c.must(http.MethodDelete, "/v1/job/hello", "", nil)

	c.must(http.MethodPut, schedulerPath, `{}`, nil)
	c.must(http.MethodPut, "/v1/job/template/dispatch", `{}`, nil)
}
