package httpapi

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

func TestStoppingAJobMakesAVersionThatSaysSo(t *testing.T) {
	c := newCluster(t)
	c.register(helloRequest(t))
	job := get[*api.Job](c.store.Snapshot(), api.JobKey("default", "hello"))
	c.put(&api.JobVersion{Job: job, Stable: true})
	var out api.JobDeregisterResponse
	r := exchange(t, "144")
	got := c.must(http.MethodDelete, "/v1/job/hello", "", &out)
	sameHeaders(t, r, got)
	if e := c.eval(out.EvalID); e.TriggeredBy != api.TriggerJobDeregister || e.CreateIndex != out.Index || out.JobModifyIndex != out.Index {
		t.Errorf("answer %+v, evaluation %+v", out, e)
	}
	var j api.Job
	c.get("/v1/job/hello", &j)
	if !*j.Stop || *j.Version != 1 || !*j.Stable || *j.JobModifyIndex != out.Index {
		t.Errorf("job: stop %v, version %d, stable %v, written at %d", *j.Stop, *j.Version, *j.Stable, *j.JobModifyIndex)
	}

	var again api.JobDeregisterResponse
	c.must(http.MethodDelete, "/v1/job/hello", "", &again)
	if again.JobModifyIndex != out.JobModifyIndex || again.EvalID == out.EvalID {
		t.Errorf("stopped again: %+v", again)
	}

	c.register(helloRequest(t))
	c.get("/v1/job/hello", &j)
	if *j.Stop || *j.Version != 2 {
		t.Errorf("registered again: stop %v, version %d", *j.Stop, *j.Version)
	}
}

func TestStoppingWhatIsNotThereAnswersAsRecorded(t *testing.T) {
	c := newCluster(t)
	r := exchange(t, "148")
	for _, path := range []string{r.Request.Path, r.Request.Path + "?purge=true"} {
		got := c.must(r.Request.Method, path, "", nil)
		if d := differences("$", tree(t, r.Body), tree(t, got.body)); len(d) > 0 || got.header.Get("X-Nomad-Index") != "0" {
			t.Errorf("%s: %v, index %s", path, d, got.header.Get("X-Nomad-Index"))
		}
	}
}

func TestPurgingAJobLeavesItsVersionsToWhatRunsThem(t *testing.T) {
	c := newCluster(t)
	c.register(helloRequest(t))
	c.put(&api.JobStatus{Namespace: "default", JobID: "hello", Status: api.JobStatusRunning})
	var out api.JobDeregisterResponse
	c.must(http.MethodDelete, "/v1/job/hello?purge=true", "", &out)
	s := c.store.Snapshot()
	for _, key := range []api.Key{
		api.JobKey("default", "hello"), api.JobStatusKey("default", "hello"),
		{Kind: api.KindJobSubmission, Namespace: "default", ID: "hello@0"},
	} {
		if _, ok := s.Get(key); ok {
			t.Errorf("%s is still there", key)
		}
	}
	if _, ok := s.Get(api.JobVersionKey("default", "hello", 0)); !ok {
		t.Error("the version is gone")
	}
	c.eval(out.EvalID)

	// Its allocations run version 0: a new job of that name must not be taken for it.
	c.register(helloRequest(t))
	var j api.Job
	if c.get("/v1/job/hello", &j); *j.Version != 1 {
		t.Errorf("the new job has version %d", *j.Version)
	}
}

func TestAllocationsOfAnEarlierJobOfTheSameNameAreShownOnDemand(t *testing.T) {
	c := newCluster(t)
	c.put(&api.Allocation{ID: "11111111-0000-0000-0000-000000000000", Namespace: "default", JobID: "hello"})
	c.register(helloRequest(t))
	c.put(&api.Allocation{ID: "22222222-0000-0000-0000-000000000000", Namespace: "default", JobID: "hello"})
	for query, want := range map[string]int{"": 1, "?all=true": 2} {
		var allocs []api.AllocationListStub
		if c.get("/v1/job/hello/allocations"+query, &allocs); len(allocs) != want {
			t.Errorf("%q lists %d, want %d", query, len(allocs), want)
		}
	}
}

func TestStoppingAnAllocationAsksForAnotherOne(t *testing.T) {
	c := newCluster(t)
	c.hello()
	r := exchange(t, "080")
	var out api.AllocStopResponse
	got := c.must(r.Request.Method, r.Request.Path, string(r.Request.Body), &out)
	sameHeaders(t, r, got)
	e := c.eval(out.EvalID)
	if e.TriggeredBy != api.TriggerAllocStop || e.JobID != "hello" || e.Type != api.JobTypeService || e.CreateIndex != out.Index {
		t.Errorf("evaluation %+v, answer %+v", e, out)
	}
	a := get[*api.Allocation](c.store.Snapshot(), api.Key{Kind: api.KindAllocation, ID: helloAlloc})
	if !api.Deref(a.DesiredTransition.Migrate) || a.DesiredStatus != api.AllocDesiredRun {
		t.Errorf("allocation %+v", a.DesiredTransition)
	}
}

func TestEligibilityIsWhatOperatorsWant(t *testing.T) {
	c := newCluster(t)
	c.hello()
	path := "/v1/node/" + helloNode
	for _, want := range []string{api.NodeIneligible, api.NodeEligible, api.NodeEligible} {
		var out api.NodeUpdateResponse
		c.must(http.MethodPut, path+"/eligibility", `{"Eligibility":"`+want+`"}`, &out)
		var n api.Node
		if c.get(path, &n); n.SchedulingEligibility != want || out.Index == 0 {
			t.Errorf("node is %s, want %s; answer %+v", n.SchedulingEligibility, want, out)
		}
	}
	c.put(&api.NodeIntent{NodeID: helloNode, Eligibility: api.NodeIneligible, DrainStrategy: &api.DrainStrategy{}})
	if a := c.do(http.MethodPut, path+"/eligibility", `{"Eligibility":"eligible"}`); a.status != http.StatusBadRequest || !strings.Contains(string(a.body), "draining") {
		t.Errorf("a draining node: %d %s", a.status, a.body)
	}
	if a := c.do(http.MethodPut, path+"/eligibility", `{"Eligibility":"maybe"}`); a.status != http.StatusBadRequest {
		t.Errorf("maybe: %d %s", a.status, a.body)
	}
	if a := c.do(http.MethodPut, "/v1/node/00000000-0000-0000-0000-000000000000/eligibility", `{"Eligibility":"eligible"}`); a.status != http.StatusNotFound {
		t.Errorf("no node: %d %s", a.status, a.body)
	}
}

func TestEvaluatingAJobAsksForAnotherLook(t *testing.T) {
	c := newCluster(t)
	at := c.register(helloRequest(t)).JobModifyIndex
	var out api.JobRegisterResponse
	c.must(http.MethodPut, "/v1/job/hello/evaluate", `{"JobID":"hello"}`, &out)
	if e := c.eval(out.EvalID); out.JobModifyIndex != at || e.JobModifyIndex != at || e.Status != api.EvalPending {
		t.Errorf("answer %+v, evaluation %+v", out, e)
	}
	if a := c.do(http.MethodPut, "/v1/job/nope/evaluate", "{}"); a.status != http.StatusNotFound {
		t.Errorf("no job: %d %s", a.status, a.body)
	}
}

func TestEvalPriorityIsThatOfTheRequest(t *testing.T) {
	c := newCluster(t)
	in := helloRequest(t)
	in.EvalPriority = 77
	if e := c.eval(c.register(in).EvalID); e.Priority != 77 {
		t.Errorf("priority %d", e.Priority)
	}
	var out api.JobDeregisterResponse
	c.must(http.MethodDelete, "/v1/job/hello?eval_priority=99", "", &out)
	if e := c.eval(out.EvalID); e.Priority != 99 {
		t.Errorf("priority %d", e.Priority)
	}
	for _, bad := range []string{"0", "101", "x", "-1"} {
		if a := c.do(http.MethodDelete, "/v1/job/hello?eval_priority="+bad, ""); a.status != http.StatusBadRequest {
			t.Errorf("eval_priority=%s: %d %s", bad, a.status, a.body)
		}
	}
}

func TestCollectingGarbageRemovesDeadJobs(t *testing.T) {
	c := newCluster(t)
	c.register(helloRequest(t))
	var out api.JobDeregisterResponse
	c.must(http.MethodDelete, "/v1/job/hello", "", &out)
	e := *c.eval(out.EvalID)
	e.Status = api.EvalComplete
	writes := []api.Object{&e, &api.JobStatus{Namespace: "default", JobID: "hello", Status: api.JobStatusDead}}
	for other := range store.List[*api.Evaluation](c.store.Snapshot(), store.Query{}) {
		if done := *other; done.ID != e.ID {
			done.Status = api.EvalComplete
			writes = append(writes, &done)
		}
	}
	c.put(writes...)
	if a := c.do(http.MethodPut, "/v1/system/gc", ""); a.status != http.StatusOK || len(a.body) != 0 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if got := c.jobs(""); got != "" {
		t.Errorf("jobs left: %s", got)
	}
}

func TestAChangeThatKeepsLosingItsRaceEndsWithTheConflict(t *testing.T) {
	c := newCluster(t)
	c.put(testJob("shop"))
	tries := 0
	_, err := c.api.change(t.Context(), func(s store.Snapshot) (store.Txn, error) {
		tries++
		stale := store.Condition{Key: api.JobKey("default", "shop"), ModifyIndex: 999}
		return store.Txn{Conditions: []store.Condition{stale}}, nil
	})
	if !errors.Is(err, api.ErrConflict) || tries != conflictTries+1 {
		t.Errorf("after %d tries: %v", tries, err)
	}
	if statusOf(err) != http.StatusConflict {
		t.Errorf("status %d", statusOf(err))
	}
}

func TestASnapshotIsSavedAndRestored(t *testing.T) {
	c := newCluster(t)
	c.put(testJob("shop"))
	saved := c.get("/v1/operator/snapshot", nil)
	c.remove(api.JobKey("default", "shop"))
	c.must(http.MethodPut, "/v1/operator/snapshot", string(saved.body), nil)
	if got := c.jobs(""); got != "default/shop" {
		t.Errorf("restored %q", got)
	}
	damaged := slices.Clone(saved.body)
	damaged[len(damaged)/2] ^= 0xff
	for name, bad := range map[string][]byte{"nothing": nil, "text": []byte("hello"), "damaged": damaged, "cut": saved.body[:len(saved.body)/2]} {
		if a := c.do(http.MethodPut, "/v1/operator/snapshot", string(bad)); a.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if got := c.jobs(""); got != "default/shop" {
		t.Errorf("after bad ones %q", got)
	}
}

func TestErrorsBecomeStatusCodesAtOnePlace(t *testing.T) {
	for err, want := range map[error]int{
		api.ErrNotFound:                          404,
		api.ErrConflict:                          409,
		api.ErrDenied:                            403,
		api.ErrNoLeader:                          503,
		api.ErrTooLarge:                          413,
		api.ErrNotSupported:                      501,
		store.ErrClosed:                          503,
		store.ErrDiskFull:                        507,
		context.DeadlineExceeded:                 504,
		&api.InvalidError{What: "x"}:             400,
		&store.ConflictError{}:                   409,
		&http.MaxBytesError{}:                    413,
		notFound("job"):                          404,
		notSupported("x"):                        501,
		malformed("x"):                           400,
		errors.New("anything else"):              500,
		errors.Join(errors.New("x"), errNoJob()): 404,
	} {
		if got := statusOf(err); got != want {
			t.Errorf("%v: %d, want %d", err, got, want)
		}
	}
}
