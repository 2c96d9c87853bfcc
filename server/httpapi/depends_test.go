package httpapi

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// dependent returns a batch job that depends on others.
func dependent(id string, on ...string) api.JobRegisterRequest {
	j := &api.Job{
		ID: new(id), Name: new(id), Type: new(api.JobTypeBatch),
		TaskGroups: []*api.TaskGroup{{Name: new("g"), Tasks: []*api.Task{{
			Name: "t", Driver: "raw_exec", Config: map[string]any{"command": "/bin/true"},
		}}}},
	}
	for _, other := range on {
		j.DependsOn = append(j.DependsOn, &api.JobDependency{Job: other})
	}
	return api.JobRegisterRequest{Job: j}
}

func (c *cluster) unregistrable(in api.JobRegisterRequest, want string) {
	c.t.Helper()
	if a := c.do(http.MethodPut, "/v1/jobs", body(c.t, in)); a.status != http.StatusBadRequest || !strings.Contains(string(a.body), want) {
		c.t.Errorf("%d %s, want %s", a.status, a.body, want)
	}
}

func TestACircleOfDependenciesIsRefusedByName(t *testing.T) {
	c := newCluster(t)
	c.unregistrable(dependent("a", "a"), `itself`)
	c.register(dependent("a", "b"))
	c.register(dependent("b", "c", "d"))
	c.register(dependent("d"))
	c.unregistrable(dependent("c", "d", "a"), `"c" depends on "a" depends on "b" depends on "c"`)
	c.register(dependent("c", "d"))
}

func TestOfTwoHalvesOfACircleOneIsRefused(t *testing.T) {
	for range 20 {
		c := newCluster(t)
		var applied sync.WaitGroup
		statuses := make([]int, 2)
		for n, in := range []api.JobRegisterRequest{dependent("a", "b"), dependent("b", "a")} {
			applied.Go(func() { statuses[n] = c.do(http.MethodPut, "/v1/jobs", body(t, in)).status })
		}
		applied.Wait()
		if fmt.Sprint(statuses) != "[200 400]" && fmt.Sprint(statuses) != "[400 200]" {
			t.Fatalf("answers %v", statuses)
		}
	}
}

func TestWhatCantBeWaitedForIsRefused(t *testing.T) {
	c := newCluster(t)
	in := dependent("batch")
	c.register(in)
	c.register(helloRequest(t))
	pattern := dependent("pattern").Job
	pattern.ParameterizedJob, pattern.Namespace = &api.ParameterizedJobConfig{}, new(api.DefaultNamespace)
	c.put(pattern)
	c.unregistrable(dependent("x", "pattern"), "only launches other jobs")
	in = dependent("x", "hello")
	in.Job.DependsOn[0].Condition = api.DependsOnSuccess
	c.unregistrable(in, "which does not end")
	in = dependent("x", "batch")
	in.Job.DependsOn[0].Condition = api.DependsOnHealthy
	c.unregistrable(in, "never healthy")
	c.register(dependent("x", "hello", "batch", "later"))
}

func TestAStoreThatChangedIsLookedAtAgain(t *testing.T) {
	c := newCluster(t)
	c.register(dependent("b"))
	now := c.store.Snapshot()
	conditions, err := dependsConditions(storedJob(now), dependentJob("a", "b", "c"))
	if err != nil || len(conditions) != 2 {
		t.Fatal(conditions, err)
	}
	c.register(dependent("c", "a"))
	if _, err := c.store.Apply(t.Context(), store.Txn{Conditions: conditions, Writes: []store.Write{store.Put(&api.Namespace{Name: "x"})}}); !isConflict(err) {
		t.Errorf("%v", err)
	}
}

func dependentJob(id string, on ...string) *api.Job {
	j := dependent(id, on...).Job
	j.Namespace = new(api.DefaultNamespace)
	return j
}

func TestAPlanSaysWhatTheJobWouldWaitFor(t *testing.T) {
	c := newCluster(t)
	var plan api.JobPlanResponse
	c.must(http.MethodPut, "/v1/job/a/plan", body(t, api.JobPlanRequest{Job: dependent("a", "b").Job}), &plan)
	if want := `waits for job "b" to succeed: it is not registered`; plan.Waits != want {
		t.Errorf("%q, want %q", plan.Waits, want)
	}
	plan = api.JobPlanResponse{}
	c.must(http.MethodPut, "/v1/job/a/plan", body(t, api.JobPlanRequest{Job: dependent("a").Job}), &plan)
	if plan.Waits != "" {
		t.Errorf("%q, want nothing", plan.Waits)
	}
}

func TestAWaitingChildSaysItsPlace(t *testing.T) {
	c := newCluster(t)
	pattern := dependentJob("pattern")
	pattern.ParameterizedJob = &api.ParameterizedJobConfig{MaxConcurrent: new(1)}
	c.put(pattern)
	for n, id := range []string{"x1", "x2", "x3"} {
		child := dependentJob(id)
		child.ParentID, child.Dispatched, child.ParameterizedJob = pattern.ID, true, pattern.ParameterizedJob
		child.Priority, child.SubmitTime = new(50), new(int64(n))
		c.put(child, &api.JobStatus{Namespace: "default", JobID: id, Status: api.JobStatusPending, StatusDescription: "waits"})
	}
	first, ok := store.Get[*api.Job](c.store.Snapshot(), api.JobKey("default", "x1"))
	if !ok {
		t.Fatal("the first child is gone")
	}
	c.put(&api.JobAdmission{Namespace: "default", JobID: "x1", JobCreateIndex: *first.CreateIndex, Admitted: true})
	var j api.Job
	if c.get("/v1/job/x3", &j); *j.StatusDescription != "2nd of 2: waits" {
		t.Errorf("%q", *j.StatusDescription)
	}
	for n, want := range map[int]string{1: "1st", 2: "2nd", 3: "3rd", 4: "4th", 11: "11th", 12: "12th", 21: "21st", 113: "113th"} {
		if got := ordinal(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
