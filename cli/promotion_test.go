package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/droverhq/drover/api"
)

// tried is the progress of a version with one canary, whose health is as given.
func tried(autoPromote bool, healthy *bool) *progress {
	a := allocAt(1, api.AllocDesiredRun, api.AllocClientRunning)
	a.TaskGroup, a.DeploymentStatus = "web", &api.AllocDeploymentStatus{Canary: true, Healthy: healthy}
	return &progress{
		job: jobAt(api.JobTypeService, 1, 7), followed: 7, allocs: []*api.AllocationListStub{a},
		deployments: []*api.Deployment{{
			ID: "2456c596-96c6-6b7d-dbd7-e4c5180bb472", Status: api.DeploymentRunning, JobSpecModifyIndex: 7,
			TaskGroups: map[string]*api.DeploymentState{"web": {DesiredCanaries: 1, DesiredTotal: 3, AutoPromote: autoPromote}},
		}},
	}
}

func TestApplyEndsWhenCanariesWaitForAnOperator(t *testing.T) {
	for _, test := range []struct {
		what string
		p    *progress
		done bool
	}{
		{"nobody knows yet", tried(false, nil), false},
		{"the canary is not healthy", tried(false, new(false)), false},
		{"it is healthy", tried(false, new(true)), true},
		{"it is healthy and promoted by itself", tried(true, new(true)), false},
	} {
		done, err := test.p.verdict(shortIDs)
		if done != test.done || err != nil {
			t.Errorf("%s: done %v, %v", test.what, done, err)
		}
		if text := test.p.promotionText(); (text != "") != test.done || test.done && !strings.Contains(text, "drover deployment fail 2456c596") {
			t.Errorf("%s: it says %q", test.what, text)
		}
	}
}

func TestRolloutsAreDrawnOverOnATerminalOnly(t *testing.T) {
	for _, terminal := range []bool{true, false} {
		var out bytes.Buffer
		m := &monitor{cli: &cli{Options: Options{Out: &out, Terminal: terminal}}}
		m.redraw("")
		m.redraw("a\nb\n")
		if want := map[bool]string{true: "\x1b[4A\x1b[J"}[terminal]; out.String() != want {
			t.Errorf("terminal %v: %q", terminal, out.String())
		}
	}
}
