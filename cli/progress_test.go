package cli

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
)

// jobAt is a job of one group of two, registered at an index.
func jobAt(kind string, version, index uint64) *api.Job {
	return &api.Job{
		ID: new("web"), Type: &kind, Version: &version, JobModifyIndex: &index, Status: new(api.JobStatusRunning), Stop: new(false),
		TaskGroups: []*api.TaskGroup{{Name: new("g"), Count: new(2)}},
	}
}

func allocAt(version uint64, desired, client string) *api.AllocationListStub {
	return &api.AllocationListStub{ID: "a", Name: "web.g[0]", TaskGroup: "g", JobVersion: version, DesiredStatus: desired, ClientStatus: client}
}

func TestApplyEndsWhenThereIsNothingToWaitFor(t *testing.T) {
	running := allocAt(1, api.AllocDesiredRun, api.AllocClientRunning)
	failed := allocAt(1, api.AllocDesiredRun, api.AllocClientFailed)
	sick := allocAt(1, api.AllocDesiredRun, api.AllocClientRunning)
	sick.DeploymentStatus = &api.AllocDeploymentStatus{Healthy: new(false)}
	replaced := allocAt(1, api.AllocDesiredStop, api.AllocClientFailed)
	replaced.NextAllocation = "b"
	blocked := &api.Evaluation{Status: api.EvalBlocked, FailedTGAllocs: map[string]*api.AllocationMetric{"g": {NodesExhausted: 1}}}
	rollout := func(status string) []*api.Deployment {
		return []*api.Deployment{{JobSpecModifyIndex: 7, Status: status, StatusDescription: "because"}, {JobSpecModifyIndex: 3, Status: api.DeploymentFailed}}
	}
	stopped := jobAt(api.JobTypeService, 2, 9)
	stopped.Stop = new(true)
	dead := jobAt(api.JobTypeBatch, 1, 7)
	dead.Status = new(api.JobStatusDead)
	service := jobAt(api.JobTypeService, 1, 7)

	for _, test := range []struct {
		name string
		p    progress
		done bool
		want string // of the error
		code int
	}{
		{"all run", progress{job: service, allocs: []*api.AllocationListStub{running, running}}, true, "", 0},
		{"one is missing", progress{job: service, allocs: []*api.AllocationListStub{running}}, false, "", 0},
		{"one starts", progress{job: service, allocs: []*api.AllocationListStub{running, allocAt(1, api.AllocDesiredRun, api.AllocClientPending)}}, false, "", 0},
		{"those of the version before still run", progress{job: service, allocs: []*api.AllocationListStub{running, running, allocAt(0, api.AllocDesiredRun, api.AllocClientRunning)}}, false, "", 0},
		{"one failed", progress{job: service, allocs: []*api.AllocationListStub{running, failed}}, true, "an instance failed", 1},
		{"one is unhealthy", progress{job: service, allocs: []*api.AllocationListStub{running, sick}}, true, "an instance failed", 1},
		{"one failed and was replaced", progress{job: service, allocs: []*api.AllocationListStub{replaced, running, running}}, true, "", 0},
		{"nobody has looked at it yet", progress{job: service, allocs: []*api.AllocationListStub{running, running}, evals: []*api.Evaluation{{Status: api.EvalPending}}}, false, "", 0},
		{"no room", progress{job: service, evals: []*api.Evaluation{blocked}}, true, "not everything could be placed", 2},
		{"no room until one has stopped", progress{job: service, evals: []*api.Evaluation{blocked}, allocs: []*api.AllocationListStub{allocAt(0, api.AllocDesiredStop, api.AllocClientRunning)}}, false, "", 0},
		{"the rollout goes on", progress{job: service, deployments: rollout(api.DeploymentRunning), allocs: []*api.AllocationListStub{running, running}}, false, "", 0},
		{"the rollout succeeded", progress{job: service, deployments: rollout(api.DeploymentSuccessful), allocs: []*api.AllocationListStub{running, running}}, true, "", 0},
		{"the rollout succeeded, then one failed", progress{job: service, deployments: rollout(api.DeploymentSuccessful), allocs: []*api.AllocationListStub{running, failed}}, true, "an instance failed", 1},
		{"the rollout failed", progress{job: service, deployments: rollout(api.DeploymentFailed)}, true, "the rollout ended failed: because", 1},
		{"the rollout failed and was reverted", progress{job: jobAt(api.JobTypeService, 2, 9), deployments: rollout(api.DeploymentFailed)}, true, "the rollout ended failed: because", 1},
		{"the rollout was cancelled", progress{job: service, deployments: rollout(api.DeploymentCancelled)}, true, "cancelled: because", 1},
		{"somebody else changed it", progress{job: jobAt(api.JobTypeService, 2, 9), allocs: []*api.AllocationListStub{running, running}}, true, "changed by somebody else", 1},
		{"somebody else stopped it", progress{job: stopped}, true, "stopped by somebody else", 1},
		{"the evaluation failed", progress{job: service, eval: &api.Evaluation{Status: api.EvalFailed, StatusDescription: "oops"}}, true, "oops", 1},
		{"a batch job runs", progress{job: jobAt(api.JobTypeBatch, 1, 7), allocs: []*api.AllocationListStub{running}}, false, "", 0},
		{"a batch job completed", progress{job: dead, allocs: []*api.AllocationListStub{allocAt(1, api.AllocDesiredRun, api.AllocClientComplete)}}, true, "", 0},
		{"a batch job failed", progress{job: dead, allocs: []*api.AllocationListStub{failed}}, true, "not all instances completed", 1},
		{"a system job has no node", progress{job: jobAt(api.JobTypeSystem, 1, 7), evals: []*api.Evaluation{{Status: api.EvalComplete, FailedTGAllocs: blocked.FailedTGAllocs}}}, true, "not everything could be placed", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.p.followed = 7
			done, err := test.p.verdict(shortIDs)
			code := 0
			var e *exitError
			if errors.As(err, &e) {
				code = e.code
			} else if err != nil {
				code = 1
			}
			if done != test.done || code != test.code || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("done %t, exit %d, %v\nwant done %t, exit %d, %s", done, code, err, test.done, test.code, test.want)
			}
			if !done && test.p.waitsFor() == "" {
				t.Error("it is not said what is waited for")
			}
		})
	}
}

func TestReminderComesLessAndLessOften(t *testing.T) {
	start := time.Unix(0, 0)
	r := &reminder{every: firstReminder, last: start}
	var got []time.Duration
	for s := range 300 {
		if d := r.due(start.Add(time.Duration(s) * time.Second)); d > 0 {
			got = append(got, d)
		}
	}
	if want := []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute}; len(got) != len(want) || got[0] != want[0] || got[3] != want[3] {
		t.Errorf("reminded after %v, want %v", got, want)
	}
}

func TestWarningsAreSaidOnce(t *testing.T) {
	var out strings.Builder
	c := &cli{Options: Options{Out: &out}}
	c.warn([]string{"a.hcl:1,1-2: mbits has no effect any more; remove it"},
		"2 warnings:\n\n* group \"g\": mbits has no effect any more; remove it\n* group \"g\" is odd")
	want := "Job Warnings:\n2 warnings:\n\n* a.hcl:1,1-2: mbits has no effect any more; remove it\n* group \"g\" is odd\n\n"
	if out.String() != want {
		t.Errorf("got %s", out.String())
	}
}
