package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// helloRequest is the recorded registration of the job hello.
func helloRequest(t *testing.T) api.JobRegisterRequest {
	t.Helper()
	var in api.JobRegisterRequest
	if err := json.Unmarshal(exchange(t, "025").Request.Body, &in); err != nil {
		t.Fatal(err)
	}
	return in
}

func body(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (c *cluster) register(in api.JobRegisterRequest) api.JobRegisterResponse {
	c.t.Helper()
	var out api.JobRegisterResponse
	c.must(http.MethodPut, "/v1/jobs", body(c.t, in), &out)
	return out
}

func (c *cluster) eval(id string) *api.Evaluation {
	c.t.Helper()
	e, ok := store.Get[*api.Evaluation](c.store.Snapshot(), api.Key{Kind: api.KindEvaluation, ID: id})
	if !ok {
		c.t.Fatalf("there is no evaluation %s", id)
	}
	return e
}

func TestRegisteringAnswersAsRecorded(t *testing.T) {
	c := newCluster(t)
	r := exchange(t, "025")
	got := c.must(http.MethodPut, "/v1/jobs", string(r.Request.Body), nil)
	sameHeaders(t, r, got)
	want, was := tree(t, r.Body).(map[string]any), tree(t, got.body).(map[string]any)
	delete(want, "EvalID")
	delete(was, "EvalID")
	delete(want, "Warnings") // said in other words
	delete(was, "Warnings")
	if d := differences("$", want, was); len(d) > 0 {
		t.Error(strings.Join(d, "\n"))
	}
}

func TestTheStoredJobIsCanonicalAsRecorded(t *testing.T) {
	c := newCluster(t)
	c.register(helloRequest(t))
	got := c.get("/v1/job/hello", nil)
	want := tree(t, exchange(t, "035").Body).(map[string]any)
	// Nothing has placed it yet, and it was submitted now.
	want["Status"], want["Stable"] = "pending", false
	is := tree(t, got.body).(map[string]any)
	want["SubmitTime"] = is["SubmitTime"]
	if d := differences("$", want, is); len(d) > 0 {
		t.Error(strings.Join(d, "\n"))
	}
}

func TestRegisteringWritesTheJobItsVersionItsSourceAndAnEvaluation(t *testing.T) {
	c := newCluster(t)
	out := c.register(helloRequest(t))
	e := c.eval(out.EvalID)
	if e.Status != api.EvalPending || e.TriggeredBy != api.TriggerJobRegister || e.JobID != "hello" || e.Priority != 50 || e.Type != "service" {
		t.Errorf("evaluation %+v", e)
	}
	if e.CreateIndex != out.Index || out.EvalCreateIndex != out.Index || out.JobModifyIndex != out.Index {
		t.Errorf("answer %+v, evaluation created at %d", out, e.CreateIndex)
	}
	var versions api.JobVersionsResponse
	c.get("/v1/job/hello/versions?diffs=true", &versions)
	if len(versions.Versions) != 1 || *versions.Versions[0].Version != 0 || len(versions.Diffs) != 0 {
		t.Errorf("versions %+v", versions)
	}
	var source api.JobSubmission
	c.get("/v1/job/hello/submission?version=0", &source)
	if !strings.HasPrefix(source.Source, `job "hello"`) || source.Format != "hcl2" || source.JobModifyIndex != out.Index {
		t.Errorf("source %+v", source)
	}
	c.get("/v1/job/hello/submission", &source)
}

func TestRegisteringTheSameAgainOnlyAsksForAnEvaluation(t *testing.T) {
	c := newCluster(t)
	first := c.register(helloRequest(t))
	again := c.register(helloRequest(t))
	if again.JobModifyIndex != first.JobModifyIndex || again.EvalID == first.EvalID || again.EvalCreateIndex == first.EvalCreateIndex {
		t.Errorf("first %+v, again %+v", first, again)
	}
	if e := c.eval(again.EvalID); e.JobModifyIndex != first.JobModifyIndex {
		t.Errorf("evaluation is of the job as of %d, want %d", e.JobModifyIndex, first.JobModifyIndex)
	}
	var versions api.JobVersionsResponse
	c.get("/v1/job/hello/versions", &versions)
	if len(versions.Versions) != 1 {
		t.Errorf("%d versions", len(versions.Versions))
	}
}

func TestRegisteringAChangeMakesANewVersion(t *testing.T) {
	c := newCluster(t)
	first := c.register(helloRequest(t))
	in := helloRequest(t)
	in.Job.TaskGroups[0].Count = new(2)
	second := c.register(in)
	if second.JobModifyIndex <= first.JobModifyIndex {
		t.Errorf("job written at %d, then at %d", first.JobModifyIndex, second.JobModifyIndex)
	}
	var versions api.JobVersionsResponse
	c.get("/v1/job/hello/versions?diffs=true", &versions)
	if len(versions.Versions) != 2 || *versions.Versions[0].Version != 1 || *versions.Versions[0].CreateIndex != first.JobModifyIndex {
		t.Fatalf("versions %s", body(t, versions))
	}
	if len(versions.Diffs) != 1 || versions.Diffs[0].Type != api.DiffEdited {
		t.Errorf("diffs %s", body(t, versions.Diffs))
	}
}

func TestAStaleJobIndexIsRefused(t *testing.T) {
	c := newCluster(t)
	in := helloRequest(t)
	in.EnforceIndex = true
	refused := func(index uint64, want string) {
		t.Helper()
		in.JobModifyIndex = index
		a := c.do(http.MethodPut, "/v1/jobs", body(t, in))
		if a.status != http.StatusConflict || string(a.body) != want {
			t.Errorf("index %d: %d %s, want %s", index, a.status, a.body, want)
		}
	}
	refused(7, "Enforcing job modify index 7: job does not exist")
	in.JobModifyIndex = 0
	at := c.register(in).JobModifyIndex
	refused(0, "Enforcing job modify index 0: job already exists")
	refused(at+1, fmt.Sprintf("Enforcing job modify index %d: job exists with conflicting job modify index: %d", at+1, at))
	in.JobModifyIndex = at
	c.register(in)
}

func TestManyWhoRegisterAtOnceAllSucceedInSomeOrder(t *testing.T) {
	c := newCluster(t)
	const many = 12
	var running sync.WaitGroup
	for i := range many {
		running.Go(func() {
			in := helloRequest(t)
			in.Job.TaskGroups[0].Count = new(i + 10)
			if a := c.do(http.MethodPut, "/v1/jobs", body(t, in)); a.status != http.StatusOK {
				t.Errorf("registration %d: %d %s", i, a.status, a.body)
			}
		})
	}
	running.Wait()
	var versions api.JobVersionsResponse
	c.get("/v1/job/hello/versions", &versions)
	var counts []int
	for i, v := range versions.Versions {
		if got, want := *v.Version, uint64(many-1-i); got != want {
			t.Errorf("version %d, want %d", got, want)
		}
		counts = append(counts, *v.TaskGroups[0].Count)
	}
	slices.Sort(counts)
	if len(counts) != many || counts[0] != 10 || counts[many-1] != many+9 {
		t.Errorf("counts of the versions: %v", counts)
	}
}

func TestAJobInNoNamespacePoolOrRegionIsRefused(t *testing.T) {
	c := newCluster(t)
	for name, change := range map[string]func(*api.Job){
		"namespace \"nope\" does not exist": func(j *api.Job) { j.Namespace = new("nope") },
		"node pool \"nope\" does not exist": func(j *api.Job) { j.NodePool = new("nope") },
		"region \"mars\"":                   func(j *api.Job) { j.Region = new("mars") },
	} {
		in := helloRequest(t)
		change(in.Job)
		for _, path := range []string{"/v1/jobs", "/v1/job/hello", "/v1/job/hello/plan"} {
			if a := c.do(http.MethodPut, path, body(t, in)); a.status != http.StatusBadRequest || !strings.Contains(string(a.body), name) {
				t.Errorf("%s: %d %s, want it to say %s", path, a.status, a.body, name)
			}
		}
	}
}

func TestAJobGetsTheNamespaceOfTheRequestUnlessItNamesOne(t *testing.T) {
	c := newCluster(t)
	c.put(&api.Namespace{Name: "team"})
	in := helloRequest(t)
	c.must(http.MethodPut, "/v1/jobs?namespace=team", body(t, in), nil)
	c.get("/v1/job/hello?namespace=team", nil)
	if a := c.do(http.MethodGet, "/v1/job/hello", ""); a.status != http.StatusNotFound {
		t.Errorf("in the default namespace: %d", a.status)
	}
}

func TestAnInvalidJobIsRefusedWithAllThatIsWrong(t *testing.T) {
	c := newCluster(t)
	r := exchange(t, "023")
	a := c.do(http.MethodPut, "/v1/jobs", string(r.Request.Body))
	if a.status != http.StatusBadRequest || !strings.Contains(string(a.body), "priority") || !strings.Contains(string(a.body), "driver") {
		t.Errorf("%d %s", a.status, a.body)
	}
	var out api.JobValidateResponse
	c.must(http.MethodPut, "/v1/validate/job", string(exchange(t, "022").Request.Body), &out)
	if len(out.ValidationErrors) != 2 || out.Error == "" {
		t.Errorf("validated %+v", out)
	}
	out = api.JobValidateResponse{}
	c.must(http.MethodPut, "/v1/validate/job", string(exchange(t, "021").Request.Body), &out)
	if out.ValidationErrors != nil || out.Error != "" || !out.DriverConfigValidated {
		t.Errorf("validated %+v", out)
	}
}

func TestAJobInAnOlderFormIsTheSameWhenItIsPlannedAgain(t *testing.T) {
	for name, older := range map[string]func(*api.TaskGroup){
		"stop_after_client_disconnect": func(g *api.TaskGroup) { g.StopAfterClientDisconnect = new(time.Minute) },
		"max_client_disconnect":        func(g *api.TaskGroup) { g.MaxClientDisconnect = new(time.Hour) },
		"prevent_reschedule_on_lost":   func(g *api.TaskGroup) { g.PreventRescheduleOnLost = new(true) },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			request := helloRequest(t)
			older(request.Job.TaskGroups[0])
			first := c.register(request)
			if !strings.Contains(first.Warnings, name) {
				t.Errorf("the warnings are %q", first.Warnings)
			}
			var plan api.JobPlanResponse
			c.must(http.MethodPut, "/v1/job/hello/plan", body(t, api.JobPlanRequest{Job: request.Job, Diff: true}), &plan)
			if plan.Diff == nil || plan.Diff.Type != "None" {
				t.Errorf("the difference is %+v", plan.Diff)
			}
			if again := c.register(request); again.JobModifyIndex != first.JobModifyIndex {
				t.Error("registered again, it is another version")
			}
		})
	}
}

func TestAJobCannotChangeItsType(t *testing.T) {
	c := newCluster(t)
	c.register(helloRequest(t))
	in := helloRequest(t)
	in.Job.Type, in.Job.TaskGroups[0].Update = new("batch"), nil
	if a := c.do(http.MethodPut, "/v1/jobs", body(t, in)); a.status != http.StatusBadRequest || !strings.Contains(string(a.body), "can't become a batch job") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestALargeSourceIsNotKept(t *testing.T) {
	c := newCluster(t, func(o *Options) { o.Limits.MaxSource = 10 })
	if out := c.register(helloRequest(t)); !strings.Contains(out.Warnings, "source is larger than 10 bytes") {
		t.Errorf("warnings %q", out.Warnings)
	}
	if a := c.do(http.MethodGet, "/v1/job/hello/submission?version=0", ""); a.status != http.StatusNotFound {
		t.Errorf("source: %d %s", a.status, a.body)
	}
}

func TestCountsArePreservedOnDemand(t *testing.T) {
	c := newCluster(t)
	in := helloRequest(t)
	in.Job.TaskGroups[0].Count = new(7)
	c.register(in)
	in = helloRequest(t)
	in.PreserveCounts, in.Job.Meta = true, map[string]string{"a": "b"}
	c.register(in)
	var j api.Job
	if c.get("/v1/job/hello", &j); *j.TaskGroups[0].Count != 7 || j.Meta["a"] != "b" {
		t.Errorf("job %s", body(t, j))
	}
}

func TestAParsedJobIsAsRecorded(t *testing.T) {
	c := newCluster(t)
	r := exchange(t, "015")
	got := c.must(http.MethodPost, "/v1/jobs/parse", string(r.Request.Body), nil)
	if d := differences("$", tree(t, r.Body), tree(t, got.body)); len(d) > 0 {
		t.Error(strings.Join(d, "\n"))
	}
	a := c.do(http.MethodPost, "/v1/jobs/parse", string(exchange(t, "020").Request.Body))
	if a.status != http.StatusBadRequest || !strings.HasPrefix(string(a.body), "Failed to parse job: input.hcl:1,11-16: ") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestAPlanSaysWhatRegisteringWouldDo(t *testing.T) {
	c := newCluster(t)
	node := recordedBody[api.Node](t, "010")
	c.put(&node, &api.NodeStatus{NodeID: node.ID, Status: api.NodeReady})
	r := exchange(t, "024")
	got := c.must(http.MethodPut, r.Request.Path, string(r.Request.Body), nil)
	want := tree(t, r.Body).(map[string]any)
	is := tree(t, got.body).(map[string]any)
	delete(want, "Warnings") // said in other words
	delete(is, "Warnings")
	sortBlocks(want)
	sortBlocks(is)
	if d := differences("$", want, is); len(d) > 0 {
		t.Error(strings.Join(d, "\n"))
	}
	if got.header.Get("X-Nomad-Index") != "0" {
		t.Errorf("index of a job that does not exist: %s", got.header.Get("X-Nomad-Index"))
	}
	if a := c.do(http.MethodGet, "/v1/job/hello", ""); a.status != http.StatusNotFound {
		t.Errorf("the plan wrote the job: %d", a.status)
	}
	at := c.register(helloRequest(t)).JobModifyIndex
	var plan api.JobPlanResponse
	c.must(http.MethodPut, "/v1/job/hello/plan", body(t, api.JobPlanRequest{Job: helloRequest(t).Job, Diff: true}), &plan)
	if plan.JobModifyIndex != at || plan.Diff.Type != api.DiffNone {
		t.Errorf("plan of the same: %s", body(t, plan))
	}
}

// sortBlocks brings the blocks of a difference into one order: that of constraints
// says nothing.
func sortBlocks(v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, element := range v {
			sortBlocks(element)
		}
	case []any:
		for _, element := range v {
			sortBlocks(element)
		}
		slices.SortFunc(v, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	}
}

func TestAPlanExplainsWhatFindsNoRoom(t *testing.T) {
	c := newCluster(t)
	node := recordedBody[api.Node](t, "010")
	c.put(&node, &api.NodeStatus{NodeID: node.ID, Status: api.NodeReady})
	r := exchange(t, "095")
	var plan api.JobPlanResponse
	c.must(http.MethodPut, r.Request.Path, string(r.Request.Body), &plan)
	why := plan.FailedTGAllocs["g"]
	if why == nil || why.ConstraintFiltered["${attr.kernel.name} = windows"] != 1 || why.CoalescedFailures != 1 {
		t.Errorf("failed %s", body(t, plan.FailedTGAllocs))
	}
	if len(plan.CreatedEvals) != 1 || plan.CreatedEvals[0].Status != api.EvalBlocked {
		t.Errorf("evaluations %s", body(t, plan.CreatedEvals))
	}
}

func TestAnnotationsSayWhatBecomesOfTasks(t *testing.T) {
	field := func(name string) *api.FieldDiff { return &api.FieldDiff{Type: api.DiffEdited, Name: name} }
	for name, c := range map[string]struct {
		task  api.TaskDiff
		group string
		want  string
	}{
		"nothing changed":        {api.TaskDiff{Type: api.DiffNone}, api.DiffEdited, ""},
		"a new group":            {api.TaskDiff{Type: api.DiffAdded}, api.DiffAdded, "forces create"},
		"a removed group":        {api.TaskDiff{Type: api.DiffDeleted}, api.DiffDeleted, "forces destroy"},
		"another driver":         {api.TaskDiff{Type: api.DiffEdited, Fields: []*api.FieldDiff{field("Driver")}}, api.DiffEdited, "forces create/destroy update"},
		"another kill timeout":   {api.TaskDiff{Type: api.DiffEdited, Fields: []*api.FieldDiff{field("KillTimeout")}}, api.DiffEdited, "forces in-place update"},
		"another service":        {api.TaskDiff{Type: api.DiffEdited, Objects: []*api.ObjectDiff{{Type: api.DiffAdded, Name: "Service"}}}, api.DiffEdited, "forces in-place update"},
		"other resources":        {api.TaskDiff{Type: api.DiffEdited, Objects: []*api.ObjectDiff{{Type: api.DiffEdited, Name: "Resources"}}}, api.DiffEdited, "forces create/destroy update"},
		"a new task in a group":  {api.TaskDiff{Type: api.DiffAdded, Fields: []*api.FieldDiff{field("Driver")}}, api.DiffEdited, "forces create/destroy update"},
		"an unchanged part only": {api.TaskDiff{Type: api.DiffEdited, Objects: []*api.ObjectDiff{{Type: api.DiffNone, Name: "Resources"}}}, api.DiffEdited, "forces in-place update"},
	} {
		if got := meaningOf(&c.task, c.group); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	diff := &api.JobDiff{TaskGroups: []*api.TaskGroupDiff{{Name: "g", Fields: []*api.FieldDiff{
		{Name: "Count", Old: "3", New: "1"}, {Name: "Other", Old: "3", New: "1"},
	}}}}
	annotate(diff, map[string]map[string]uint64{"g": {"destroy": 2}})
	g := diff.TaskGroups[0]
	if g.Updates["destroy"] != 2 || !slices.Equal(g.Fields[0].Annotations, []string{"forces destroy"}) || g.Fields[1].Annotations != nil {
		t.Errorf("annotated %s", body(t, diff))
	}
}
