package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// launcher is a cluster whose clock the test sets.
type launcher struct {
	*cluster
	mu  sync.Mutex // guards now
	now time.Time
}

func newLauncher(t *testing.T, change ...func(*Options)) *launcher {
	l := &launcher{now: time.Unix(0, 1795218320903765071)}
	l.cluster = newCluster(t, append(change, func(o *Options) {
		o.Now = func() time.Time { l.mu.Lock(); defer l.mu.Unlock(); return l.now }
	})...)
	return l
}

func (l *launcher) at(ns int64) { l.mu.Lock(); defer l.mu.Unlock(); l.now = time.Unix(0, ns) }

// replay makes a recorded request and compares the answer. What it calls by a name of
// its own is called as in the recording first.
func (l *launcher) replay(number string, names ...string) answered {
	l.t.Helper()
	r := exchange(l.t, number)
	path := r.Request.Path
	for i := 0; i < len(names); i += 2 {
		path = strings.ReplaceAll(path, strings.ReplaceAll(names[i+1], "/", "%2F"), strings.ReplaceAll(names[i], "/", "%2F"))
	}
	got := l.do(r.Request.Method, path, string(r.Request.Body))
	if got.status != r.Status {
		l.t.Fatalf("%s: status %d, want %d: %s", path, got.status, r.Status, got.body)
	}
	sameHeaders(l.t, r, got)
	text := strings.NewReplacer(names...).Replace(string(got.body))
	want, was := tree(l.t, r.Body), tree(l.t, []byte(text))
	for _, answer := range []any{want, was} {
		if m, ok := answer.(map[string]any); ok {
			for _, random := range []string{"EvalID", "DispatchedJobID"} {
				if m[random] != nil && m[random] != "" {
					m[random] = "random"
				}
			}
		}
	}
	if d := differences("$", want, was); len(d) > 0 {
		l.t.Errorf("%s %s:\n%s", number, path, strings.Join(d, "\n"))
	}
	return got
}

// ended writes what controllers write of a child that has completed, and of its parent.
func (l *launcher) ended(parent, child string) {
	l.t.Helper()
	l.put(
		&api.JobStatus{Namespace: "default", JobID: parent, Status: api.JobStatusRunning},
		&api.JobStatus{Namespace: "default", JobID: child, Status: api.JobStatusDead},
		&api.Allocation{ID: "a", Namespace: "default", JobID: child, TaskGroup: "g"},
		&api.AllocationStatus{ID: "a", Namespace: "default", JobID: child, ClientStatus: api.AllocClientComplete},
	)
}

func TestPeriodicJobsAnswerAsRecorded(t *testing.T) {
	l := newLauncher(t)
	l.replay("100")
	l.at(1795218320904926575)
	l.replay("101")
	l.ended("nightly", "nightly/periodic-1795218320")
	l.replay("102")
	l.replay("103")
}

func TestParameterizedJobsAnswerAsRecorded(t *testing.T) {
	l := newLauncher(t)
	l.at(1795218323909140342)
	l.replay("104")
	l.at(1795218323910213284)
	var out api.JobDispatchResponse
	if err := json.Unmarshal(l.replay("105").body, &out); err != nil {
		t.Fatal(err)
	}
	l.ended("count-args", out.DispatchedJobID)
	names := []string{out.DispatchedJobID, "count-args/dispatch-1795218323-2cbe7e6e"}
	l.replay("108", names...)
	l.replay("109", names...)
	if e := l.eval(out.EvalID); e.JobID != out.DispatchedJobID || e.Status != api.EvalPending {
		t.Errorf("evaluation %+v", e)
	}
	// Recorded with status 500, which says that the server is at fault.
	for _, number := range []string{"106", "107"} {
		r := exchange(t, number)
		var want string
		if err := json.Unmarshal(r.Body, &want); err != nil {
			t.Fatal(err)
		}
		if got := l.do(r.Request.Method, r.Request.Path, string(r.Request.Body)); got.status != 400 || string(got.body) != want {
			t.Errorf("%s: %d %q", number, got.status, got.body)
		}
	}
}

// parameterized registers the recorded job, changed.
func (l *launcher) parameterized(change func(*api.Job)) {
	l.t.Helper()
	l.recordedJob("104", change)
}

func (l *launcher) recordedJob(number string, change func(*api.Job)) api.JobRegisterResponse {
	l.t.Helper()
	var in api.JobRegisterRequest
	if err := json.Unmarshal(exchange(l.t, number).Request.Body, &in); err != nil {
		l.t.Fatal(err)
	}
	if change != nil {
		change(in.Job)
	}
	return l.register(in)
}

func (l *launcher) dispatch(query, request string) api.JobDispatchResponse {
	l.t.Helper()
	var out api.JobDispatchResponse
	l.must(http.MethodPut, "/v1/job/count-args/dispatch"+query, request, &out)
	return out
}

func TestWhatDoesNotFitAParameterizedJobIsRefused(t *testing.T) {
	l := newLauncher(t, func(o *Options) { o.Limits.MaxPayload = 8 })
	const withMeta = `{"Meta":{"input":"x"}`
	for _, test := range []struct {
		payload, request string
		status           int
		want             string
	}{
		{"required", withMeta + `}`, 400, "Payload is not provided but required by parameterized job"},
		{"forbidden", withMeta + `,"Payload":"aGVsbG8="}`, 400, "Payload provided but forbidden by parameterized job"},
		{"optional", withMeta + `,"Payload":"aGVsbG8gd29ybGQ="}`, 413, "Payload exceeds maximum size; 11 > 8"},
		{"optional", withMeta + `,"Priority":101}`, 400, "Priority must be between 1 and 100"},
		{"optional", withMeta + `,"IdPrefixTemplate":"a b"}`, 400, "must not have spaces"},
		{"optional", `{"Meta":{"input":"` + strings.Repeat("x", maxDispatchMeta) + `"}}`, 413, "belongs into the payload"},
		{"optional", `{"Payload":"***"}`, 400, ""},
	} {
		l.parameterized(func(j *api.Job) { j.ParameterizedJob.Payload = test.payload })
		got := l.do(http.MethodPut, "/v1/job/count-args/dispatch", test.request)
		if got.status != test.status || !strings.Contains(string(got.body), test.want) {
			t.Errorf("%s %.40s: %d %s", test.payload, test.request, got.status, got.body)
		}
	}
	l.recordedJob("100", nil)
	for path, want := range map[string]string{
		"/v1/job/nothing/dispatch":          `404 parameterized job not found`,
		"/v1/job/nightly/dispatch":          `400 Specified job "nightly" is not a parameterized job`,
		"/v1/job/nothing/periodic/force":    `404 job not found`,
		"/v1/job/count-args/periodic/force": `400 Only periodic jobs can be forced to run; "count-args" is none`,
	} {
		if got := l.do(http.MethodPut, path, `{}`); fmt.Sprintf("%d %s", got.status, got.body) != want {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	for _, id := range []string{"nightly", "count-args"} {
		l.must(http.MethodDelete, "/v1/job/"+id, "", nil)
	}
	for _, path := range []string{"/v1/job/nightly/periodic/force", "/v1/job/count-args/dispatch"} {
		if got := l.do(http.MethodPut, path, `{}`); got.status != 400 || !strings.Contains(string(got.body), "is stopped") {
			t.Errorf("%s of a stopped job: %d %s", path, got.status, got.body)
		}
	}
}

func TestTheMostMetaOfADispatchFitsIntoTheEnvironmentOfATask(t *testing.T) {
	l := newLauncher(t)
	l.parameterized(func(*api.Job) {})
	value := strings.Repeat("x", maxDispatchMeta-len("input"))
	out := l.dispatch("", `{"Payload":"aGVsbG8=","Meta":{"input":"`+value+`"}}`)
	if child := get[*api.Job](l.store.Snapshot(), api.JobKey("default", out.DispatchedJobID)); child == nil || child.Meta["input"] != value {
		t.Fatal("it is not dispatched")
	}
	task := exec.CommandContext(t.Context(), "/bin/sh", "-c", ":")
	task.Env = []string{"NOMAD_META_input=" + value}
	if err := task.Run(); err != nil {
		t.Errorf("a task with it does not start: %v", err)
	}
}

func TestADispatchedJobIsMadeToMeasure(t *testing.T) {
	l := newLauncher(t)
	l.parameterized(func(j *api.Job) { j.Meta = map[string]string{"input": "default", "other": "kept"} })
	out := l.dispatch("", `{"Meta":{"input":"x"},"Priority":70,"IdPrefixTemplate":"batch7"}`)
	if !strings.HasPrefix(out.DispatchedJobID, "count-args/dispatch-batch7-1795218320-") {
		t.Errorf("ID %s", out.DispatchedJobID)
	}
	child := get[*api.Job](l.store.Snapshot(), api.JobKey("default", out.DispatchedJobID))
	if child.Meta["input"] != "x" || child.Meta["other"] != "kept" || *child.Priority != 70 || len(child.Payload) != 0 {
		t.Errorf("child %+v", child)
	}
	if e := l.eval(out.EvalID); e.Priority != 70 {
		t.Errorf("evaluation %+v", e)
	}
	// Its parent stays as it was, and stopping it leaves the child alone.
	parent := get[*api.Job](l.store.Snapshot(), api.JobKey("default", "count-args"))
	if parent.Meta["input"] != "default" || *parent.Priority != 50 {
		t.Errorf("parent %+v", parent)
	}
	l.must(http.MethodDelete, "/v1/job/count-args?purge=true", "", nil)
	if child := get[*api.Job](l.store.Snapshot(), child.Key()); child == nil || child.Stopped() {
		t.Errorf("the child went with its parent: %+v", child)
	}
}

func TestOneTokenDispatchesOneJobAlsoAtOnce(t *testing.T) {
	l := newLauncher(t)
	l.parameterized(nil)
	const request = `{"Meta":{"input":"x"}}`
	var mu sync.Mutex
	made := map[string]int{}
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			out := l.dispatch("?idempotency_token=t1", request)
			mu.Lock()
			defer mu.Unlock()
			made[out.DispatchedJobID]++
		})
	}
	all.Wait()
	if len(made) != 1 {
		t.Errorf("one token dispatched %v", made)
	}
	again := l.dispatch("?idempotency_token=t1", request)
	if made[again.DispatchedJobID] != 10 || again.EvalID != "" || again.JobCreateIndex == 0 {
		t.Errorf("again: %+v", again)
	}
	for _, other := range []string{"?idempotency_token=t2", ""} {
		if out := l.dispatch(other, request); made[out.DispatchedJobID] != 0 {
			t.Errorf("%q dispatched %s again", other, out.DispatchedJobID)
		}
	}
	// What a token made is forgotten with the job that it made.
	l.must(http.MethodDelete, "/v1/job/"+strings.ReplaceAll(again.DispatchedJobID, "/", "%2F")+"?purge=true", "", nil)
	if out := l.dispatch("?idempotency_token=t1", request); out.DispatchedJobID == again.DispatchedJobID || out.EvalID == "" {
		t.Errorf("after the child was purged: %+v", out)
	}
}

func TestAJobWithBothBlocksIsDispatchedAndThenLaunched(t *testing.T) {
	l := newLauncher(t)
	l.parameterized(func(j *api.Job) { j.Periodic = &api.PeriodicConfig{Specs: []string{"0 3 * * *"}} })
	if got := l.do(http.MethodPut, "/v1/job/count-args/periodic/force", ""); got.status != 400 || !strings.Contains(string(got.body), "dispatch it") {
		t.Errorf("forced: %d %s", got.status, got.body)
	}
	out := l.dispatch("", `{"Meta":{"input":"x"},"Payload":"aGVsbG8="}`)
	if out.EvalID != "" || out.EvalCreateIndex != 0 {
		t.Errorf("what waits for the clock is looked at: %+v", out)
	}
	var forced api.PeriodicForceResponse
	l.must(http.MethodPut, "/v1/job/"+strings.ReplaceAll(out.DispatchedJobID, "/", "%2F")+"/periodic/force", "", &forced)
	child := get[*api.Job](l.store.Snapshot(), api.JobKey("default", l.eval(forced.EvalID).JobID))
	if *child.ParentID != out.DispatchedJobID || string(child.Payload) != "hello" || child.Meta["input"] != "x" || child.IsTemplate() {
		t.Errorf("child %+v", child)
	}
}

func TestForcingLaunchesAtOnceAndLeavesTheScheduleAlone(t *testing.T) {
	l := newLauncher(t)
	l.recordedJob("100", func(j *api.Job) { j.Periodic.Enabled = new(false) })
	record := &api.PeriodicLaunch{Namespace: "default", JobID: "nightly", Due: 7}
	l.put(record)
	children := map[string]bool{}
	for range 3 { // within a second
		var out api.PeriodicForceResponse
		l.must(http.MethodPut, "/v1/job/nightly/periodic/force", "", &out)
		children[l.eval(out.EvalID).JobID] = true
	}
	if !children["nightly/periodic-1795218320"] || len(children) != 3 || children["nightly/periodic-1795218321"] {
		t.Errorf("launched %v", children)
	}
	if after := get[*api.PeriodicLaunch](l.store.Snapshot(), record.Key()); after.Due != 7 || after.Launched == 0 {
		t.Errorf("record %+v", after)
	}
	l.must(http.MethodDelete, "/v1/job/nightly?purge=true", "", nil)
	if get[*api.PeriodicLaunch](l.store.Snapshot(), record.Key()) != nil {
		t.Error("the record of the launches outlives the job")
	}
	if n := store.Count[*api.Job](l.store.Snapshot(), store.Query{}); n != 3 {
		t.Errorf("%d children are left, want 3", n)
	}
}

func TestPlanningSaysWhenAJobIsLaunchedAndThatWhatItLaunchesHasNoRoom(t *testing.T) {
	l := newLauncher(t)
	var in api.JobRegisterRequest
	if err := json.Unmarshal(exchange(t, "100").Request.Body, &in); err != nil {
		t.Fatal(err)
	}
	in.Job.Periodic.Specs = []string{"* */4 * * *"}
	var out api.JobPlanResponse
	l.must(http.MethodPut, "/v1/job/nightly/plan", body(t, api.JobPlanRequest{Job: in.Job, Diff: true}), &out)
	if out.NextPeriodicLaunch == nil || out.NextPeriodicLaunch.Format(time.RFC3339) != "2026-11-21T08:46:00+09:00" {
		t.Errorf("next launch %v", out.NextPeriodicLaunch)
	}
	if !strings.Contains(out.Warnings, "launches every minute") || !strings.Contains(out.Warnings, "2026-11-21T08:50:00+09:00") {
		t.Errorf("warnings: %s", out.Warnings)
	}
	if len(out.FailedTGAllocs) != 1 {
		t.Errorf("there is no node, and the plan says %+v", out)
	}
	if answer := l.register(in); !strings.Contains(answer.Warnings, "launches every minute") || answer.EvalID != "" {
		t.Errorf("registered: %+v", answer)
	}
	if again := l.register(in); again.EvalID != "" || again.JobModifyIndex == 0 {
		t.Errorf("registered again: %+v", again)
	}
	in.Job.Priority = new(70)
	l.register(in)
	if reverted := l.must(http.MethodPut, "/v1/job/nightly/revert", `{"JobID":"nightly","JobVersion":0}`, nil); !strings.Contains(string(reverted.body), `"EvalID":""`) {
		t.Errorf("reverted: %s", reverted.body)
	}
	in.Job.Periodic = nil
	if got := l.do(http.MethodPut, "/v1/jobs", body(t, in)); got.status != 400 || !strings.Contains(string(got.body), "neither get nor lose") {
		t.Errorf("no longer periodic: %d %s", got.status, got.body)
	}
}
