package httpapi

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

const (
	canaryDeployment = "2456c596-96c6-6b7d-dbd7-e4c5180bb472"
	canaryAlloc      = "4548c01a-b8b2-84a8-0f8a-8c5daa7f69e8"
)

// canary puts the job of the recordings into the store, as its canary waits to be
// promoted.
func (c *cluster) canary() {
	c.t.Helper()
	for _, args := range []string{"100000", "100001"} {
		c.register(api.JobRegisterRequest{Job: &api.Job{
			ID: new("canary"),
			TaskGroups: []*api.TaskGroup{{
				Name: new("web"), Count: new(3),
				Update: &api.UpdateStrategy{
					MaxParallel: new(1), Canary: new(1), AutoRevert: new(true), HealthCheck: new("task_states"),
					MinHealthyTime: new(time.Second), HealthyDeadline: new(time.Minute), ProgressDeadline: new(2 * time.Minute),
				},
				Tasks: []*api.Task{{Name: "sleep", Driver: "raw_exec", Config: map[string]any{"command": "/bin/sleep", "args": []any{args}}}},
			}},
		}})
	}
	v0, _ := store.Get[*api.JobVersion](c.store.Snapshot(), api.JobVersionKey("default", "canary", 0))
	stable := *v0
	stable.Stable = true
	job, _ := store.Get[*api.Job](c.store.Snapshot(), api.JobKey("default", "canary"))
	d := recordedBody[api.Deployment](c.t, "085")
	d.JobCreateIndex = *job.CreateIndex
	c.put(&stable, &d, &api.Allocation{
		ID: canaryAlloc, Namespace: "default", JobID: "canary", JobVersion: 1, TaskGroup: "web", Name: "canary.web[0]",
		DesiredStatus: api.AllocDesiredRun, DeploymentID: d.ID,
		DeploymentStatus: &api.AllocDeploymentStatus{Canary: true, Healthy: new(true), Timestamp: new(time.Now())},
	})
}

func (c *cluster) deployment() *api.Deployment {
	c.t.Helper()
	d, ok := store.Get[*api.Deployment](c.store.Snapshot(), api.Key{Kind: api.KindDeployment, ID: canaryDeployment})
	if !ok {
		c.t.Fatal("the deployment is gone")
	}
	return d
}

func TestPromotingAnswersAsRecordedAndPromotes(t *testing.T) {
	c := newCluster(t)
	c.canary()
	c.answersAsRecorded("086", "EvalID")
	d := c.deployment()
	if !d.TaskGroups["web"].Promoted || d.StatusDescription != "Deployment is running" || d.Status != api.DeploymentRunning {
		t.Errorf("%+v %+v", d, d.TaskGroups["web"])
	}
	var evals []*api.Evaluation
	c.get("/v1/job/canary/evaluations", &evals)
	if !slices.ContainsFunc(evals, func(e *api.Evaluation) bool {
		return e.TriggeredBy == api.TriggerDeployment && e.DeploymentID == canaryDeployment && e.Status == api.EvalPending
	}) {
		t.Errorf("nobody asks for a pass: %s", body(t, evals))
	}
}

func TestPausedDeploymentGoesOnWithAWholeDeadline(t *testing.T) {
	c := newCluster(t)
	c.canary()
	var out api.DeploymentUpdateResponse
	c.must(http.MethodPut, "/v1/deployment/pause/"+canaryDeployment, `{"Pause":true}`, &out)
	if d := c.deployment(); d.Status != api.DeploymentPaused || out.EvalID != "" || out.EvalCreateIndex != 0 {
		t.Errorf("%s, answer %+v", d.Status, out)
	}
	before := time.Now()
	c.must(http.MethodPut, "/v1/deployment/pause/"+canaryDeployment, `{"Pause":false}`, &out)
	d := c.deployment()
	if d.Status != api.DeploymentRunning || d.StatusDescription != "Deployment is running but requires manual promotion" || out.EvalID == "" {
		t.Errorf("%s %q, answer %+v", d.Status, d.StatusDescription, out)
	}
	if by := *d.TaskGroups["web"].RequireProgressBy; by.Before(before.Add(2 * time.Minute)) {
		t.Errorf("progress is required by %v, resumed at %v", by, before)
	}
}

func TestFailingADeploymentGoesBackToTheStableVersion(t *testing.T) {
	c := newCluster(t)
	c.canary()
	var out api.DeploymentUpdateResponse
	c.must(http.MethodPut, "/v1/deployment/fail/"+canaryDeployment, "", &out)
	job, _ := store.Get[*api.Job](c.store.Snapshot(), api.JobKey("default", "canary"))
	if api.Deref(out.RevertedJobVersion) != 0 || out.RevertedJobVersion == nil || *job.Version != 2 ||
		fmt.Sprint(job.TaskGroups[0].Tasks[0].Config["args"]) != "[100000]" {
		t.Errorf("answer %+v, version %d, %v", out, *job.Version, job.TaskGroups[0].Tasks[0].Config)
	}
	if d := c.deployment(); d.Status != api.DeploymentFailed || d.StatusDescription != "Deployment marked as failed - rolling back to job version 0" {
		t.Errorf("%s %q", d.Status, d.StatusDescription)
	}
	c.refused(http.MethodPut, "/v1/deployment/fail/"+canaryDeployment, "", http.StatusBadRequest, "it is failed, too late to fail it")
}

func TestHealthThatOperatorsSay(t *testing.T) {
	c := newCluster(t)
	c.canary()
	c.must(http.MethodPut, "/v1/deployment/allocation-health/"+canaryDeployment, `{"HealthyAllocationIDs":["`+canaryAlloc+`"]}`, nil)
	a, _ := store.Get[*api.Allocation](c.store.Snapshot(), api.Key{Kind: api.KindAllocation, ID: canaryAlloc})
	if !*a.DeploymentStatus.Healthy || !a.DeploymentStatus.Canary {
		t.Errorf("%+v", a.DeploymentStatus)
	}
	c.must(http.MethodPut, "/v1/deployment/allocation-health/"+canaryDeployment, `{"UnhealthyAllocationIDs":["`+canaryAlloc+`"]}`, nil)
	if d := c.deployment(); d.Status != api.DeploymentFailed || d.TaskGroups["web"].UnhealthyAllocs != 1 || d.TaskGroups["web"].HealthyAllocs != 0 {
		t.Errorf("%s %+v", d.Status, d.TaskGroups["web"])
	}
}

func TestOrdersThatCanNotBeFollowedSayWhy(t *testing.T) {
	c := newCluster(t)
	c.canary()
	const id = canaryDeployment
	for _, order := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"promote/" + id, `{}`, 400, "say either All"},
		{"promote/" + id, `{"All":true,"Groups":["web"]}`, 400, "say either All"},
		{"promote/" + id, `{"Groups":["nobody"]}`, 400, `it has no group "nobody"; there is web`},
		{"promote/" + id, `{"All":true,"DeploymentID":"` + canaryAlloc + `"}`, 400, "the path about"},
		{"promote/" + canaryAlloc, `{"All":true}`, 404, "deployment not found"},
		{"promote/2456", `{"All":true}`, 400, "not a whole ID"},
		{"allocation-health/" + id, `{}`, 400, "name at least one allocation"},
		{"allocation-health/" + id, `{"HealthyAllocationIDs":["` + id + `"]}`, 400, "it has no allocation"},
		{"unblock/" + id, ``, 400, "not blocked"},
		{"pause/" + id, `[]`, 400, "request body"},
	} {
		c.refused(http.MethodPut, "/v1/deployment/"+order.path, order.body, order.status, order.want)
	}
	c.put(&api.AllocationStatus{ID: canaryAlloc, ClientStatus: api.AllocClientFailed})
	c.refused(http.MethodPut, "/v1/deployment/promote/"+id, `{"All":true}`, 400, `group "web" has 0 healthy canaries of 1`)
	c.refused(http.MethodPut, "/v1/deployment/allocation-health/"+id, `{"HealthyAllocationIDs":["`+canaryAlloc+`"]}`, 400, "does not run")
}
