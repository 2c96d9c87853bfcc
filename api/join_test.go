package api_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
)

// The tests of this file take recorded objects apart into what the store keeps, and
// expect the joins to put them together again.

func TestAnAllocationIsJoinedFromItsPartsAsRecorded(t *testing.T) {
	for _, name := range []string{"047-allocation", "081-allocation-after-stop"} {
		t.Run(name, func(t *testing.T) {
			recorded := recordedBody(t, name)
			var whole api.Allocation
			decode(t, recorded, &whole)
			whole.SigningKeyID = "" // not said: allocations have no signed identity

			status := &api.AllocationStatus{
				ID: whole.ID, NodeID: whole.NodeID, Namespace: whole.Namespace, JobID: whole.JobID,
				ClientStatus: whole.ClientStatus, ClientDescription: whole.ClientDescription,
				TaskStates: whole.TaskStates, NetworkStatus: whole.NetworkStatus, ModifyTime: whole.ModifyTime,
			}
			status.SetIndexes(whole.CreateIndex, whole.ModifyIndex)
			part := api.Allocation{
				ID: whole.ID, Namespace: whole.Namespace, EvalID: whole.EvalID, Name: whole.Name,
				NodeID: whole.NodeID, NodeName: whole.NodeName, JobID: whole.JobID,
				TaskGroup: whole.TaskGroup, DesiredStatus: whole.DesiredStatus,
				DesiredDescription: whole.DesiredDescription, DesiredTransition: whole.DesiredTransition,
				DeploymentID: whole.DeploymentID, DeploymentStatus: whole.DeploymentStatus,
				NextAllocation: whole.NextAllocation, RescheduleTracker: whole.RescheduleTracker,
				Ports:     whole.AllocatedResources.Shared.Ports,
				Usage:     api.Usage{CPU: 100, MemoryMB: 64, DiskMB: 300},
				Placement: whole.Metrics.Encode(), CreateTime: whole.CreateTime, ModifyTime: whole.CreateTime,
			}
			part.SetIndexes(whole.CreateIndex, whole.AllocModifyIndex)

			got := api.JoinAllocation(&part, status, whole.Job)
			equalJSON(t, encode(t, whole), encode(t, got))
		})
	}
}

func TestAnAllocationWithoutStatusOrVersionIsStillShown(t *testing.T) {
	a := &api.Allocation{ID: "x", TaskGroup: "g", Usage: api.Usage{CPU: 5, MemoryMB: 7, DiskMB: 9}}
	a.SetIndexes(3, 4)
	got := api.JoinAllocation(a, nil, nil)
	if got.ClientStatus != api.AllocClientPending || got.Job != nil || got.ModifyIndex != 4 {
		t.Errorf("joined %+v", got)
	}
	if *got.Resources.CPU != 5 || *got.Resources.MemoryMaxMB != 7 || got.AllocatedResources.Shared.DiskMB != 9 {
		t.Errorf("resources %+v", got.Resources)
	}
}

func TestLostPrevailsUntilTheNodeSaysThatTheAllocationEnded(t *testing.T) {
	lost := &api.Allocation{Lost: api.AllocClientLost}
	for said, want := range map[string]string{
		api.AllocClientRunning:  api.AllocClientLost,
		api.AllocClientPending:  api.AllocClientLost,
		api.AllocClientComplete: api.AllocClientComplete,
		api.AllocClientFailed:   api.AllocClientFailed,
	} {
		if got, _ := api.ClientStatus(lost, &api.AllocationStatus{ClientStatus: said}); got != want {
			t.Errorf("the node says %s: shown as %s, want %s", said, got, want)
		}
	}
	if got, _ := api.ClientStatus(lost, nil); got != api.AllocClientLost {
		t.Errorf("without a status: %s", got)
	}
}

func TestAJobIsJoinedFromItsPartsAsRecorded(t *testing.T) {
	for _, name := range []string{"035-job", "145-job-stopped", "093-job-countdown", "112-job-system"} {
		t.Run(name, func(t *testing.T) {
			recorded := recordedBody(t, name)
			var whole api.Job
			decode(t, recorded, &whole)
			spec := whole
			spec.SetIndexes(*whole.CreateIndex, *whole.JobModifyIndex)
			status := &api.JobStatus{Status: *whole.Status, StatusDescription: *whole.StatusDescription}
			status.SetIndexes(*whole.CreateIndex, *whole.ModifyIndex)
			version := &api.JobVersion{Job: &spec, Stable: *whole.Stable, Tag: whole.VersionTag}
			spec.Status, spec.StatusDescription, spec.Stable = nil, nil, nil
			equalJSON(t, recorded, encode(t, api.JoinJob(&spec, status, version)))
		})
	}
}

func TestAVersionShowsWhenItWasWrittenAndSince(t *testing.T) {
	var answer api.JobVersionsResponse
	decode(t, recordedBody(t, "069-job-versions-2"), &answer)
	current := *answer.Versions[0]
	for _, whole := range answer.Versions {
		v := &api.JobVersion{Job: whole, Stable: *whole.Stable, Tag: whole.VersionTag}
		v.SetIndexes(*whole.JobModifyIndex, *whole.ModifyIndex)
		status := &api.JobStatus{Status: *whole.Status, StatusDescription: *whole.StatusDescription}
		status.SetIndexes(1, 999) // the job's, not this version's
		equalJSON(t, encode(t, whole), encode(t, api.JoinVersion(v, &current, status)))
	}
}

func TestAJobStubIsWhatIsListed(t *testing.T) {
	var job api.Job
	decode(t, recordedBody(t, "035-job"), &job)
	var stubs []api.JobListStub
	decode(t, recordedBody(t, "029-jobs"), &stubs)
	equalJSON(t, encode(t, stubs[0]), encode(t, api.JobStub(&job, stubs[0].JobSummary, true)))
}

func TestASummaryCountsWhatAllocationsDo(t *testing.T) {
	var job api.Job
	decode(t, recordedBody(t, "035-job"), &job)
	job.SetIndexes(11, 11)
	s := api.NewSummary(&job, nil)
	running := &api.Allocation{TaskGroup: "example"}
	running.SetIndexes(12, 12)
	status := &api.AllocationStatus{ClientStatus: api.AllocClientRunning}
	status.SetIndexes(13, 15)
	s.CountAllocation(running, status)
	equalJSON(t, recordedBody(t, "037-job-summary"), encode(t, s))

	for _, state := range []string{"complete", "failed", "lost", "unknown", "running"} {
		s.CountAllocation(running, &api.AllocationStatus{ClientStatus: state})
	}
	s.CountAllocation(running, nil)
	want := api.TaskGroupSummary{Running: 2, Complete: 1, Failed: 1, Lost: 1, Unknown: 1, Starting: 1}
	if got := s.Summary["example"]; got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

func TestASummaryShowsWhatWaitsForRoomAndItsChildren(t *testing.T) {
	var job api.Job
	decode(t, recordedBody(t, "035-job"), &job)
	status := &api.JobStatus{Queued: map[string]int{"example": 2}}
	status.SetIndexes(90, 93)
	s := api.NewSummary(&job, status)
	s.CountChild(nil)
	s.CountChild(&api.JobStatus{Status: api.JobStatusPending})
	s.CountChild(&api.JobStatus{Status: api.JobStatusRunning})
	s.CountChild(&api.JobStatus{Status: api.JobStatusDead})
	if s.Summary["example"].Queued != 2 || s.ModifyIndex != 93 {
		t.Errorf("summary %+v", s)
	}
	if want := (api.JobChildrenSummary{Pending: 2, Running: 1, Dead: 1}); *s.Children != want {
		t.Errorf("children %+v, want %+v", *s.Children, want)
	}
}

func TestANodeIsJoinedFromItsPartsWithoutItsSecret(t *testing.T) {
	for _, name := range []string{"010-node", "117-node-draining"} {
		t.Run(name, func(t *testing.T) {
			recorded := recordedBody(t, name)
			var whole api.Node
			decode(t, recorded, &whole)
			intent := &api.NodeIntent{
				Eligibility: whole.SchedulingEligibility, DrainStrategy: whole.DrainStrategy, LastDrain: whole.LastDrain,
			}
			intent.SetIndexes(0, whole.ModifyIndex)
			status := &api.NodeStatus{
				Status: whole.Status, Events: whole.Events, LastMissedIndex: whole.LastMissedHeartbeatIndex,
				UpdatedAt: whole.StatusUpdatedAt*int64(time.Second) + 5,
			}
			facts := whole
			facts.SecretID = "secret"
			facts.SchedulingEligibility, facts.Status, facts.Events = "", "", nil
			facts.Drain, facts.DrainStrategy, facts.LastDrain, facts.StatusUpdatedAt = false, nil, nil, 0
			facts.ModifyIndex = facts.CreateIndex
			equalJSON(t, recorded, encode(t, api.JoinNode(&facts, intent, status)))
		})
	}
}

func TestANodeThatNobodyJudgedYetIsInitializingAndEligible(t *testing.T) {
	got := api.JoinNode(&api.Node{ID: "n"}, nil, nil)
	if got.Status != api.NodeInit || got.SchedulingEligibility != api.NodeEligible {
		t.Errorf("joined %+v", got)
	}
}

func TestANodeStubIsWhatIsListed(t *testing.T) {
	var node api.Node
	decode(t, recordedBody(t, "010-node"), &node)
	for name, resources := range map[string]bool{"008-nodes": false, "009-nodes-resources": true} {
		var stubs []json.RawMessage
		decode(t, recordedBody(t, name), &stubs)
		equalJSON(t, stubs[0], encode(t, api.NodeStub(&node, resources, false)))
	}
	if got := api.NodeStub(&node, false, true).Attributes["os.name"]; got != "debian" {
		t.Errorf("os.name is %q", got)
	}
}

func TestAnAllocationStubIsWhatIsListed(t *testing.T) {
	var whole api.Allocation
	decode(t, recordedBody(t, "047-allocation"), &whole)
	var stubs []json.RawMessage
	decode(t, recordedBody(t, "046-allocations-states-false"), &stubs)
	status := &api.AllocationStatus{
		ClientStatus: whole.ClientStatus, ClientDescription: whole.ClientDescription, TaskStates: whole.TaskStates,
	}
	a := whole
	a.JobType = api.JobTypeService
	a.Ports = whole.AllocatedResources.Shared.Ports
	a.Usage = api.Usage{DiskMB: 300}
	equalJSON(t, stubs[0], encode(t, api.AllocStub(&a, status, whole.Job, api.StubOptions{Resources: true})))
	if got := api.AllocStub(&a, status, nil, api.StubOptions{TaskStates: true}); len(got.TaskStates) != 1 || got.AllocatedResources != nil {
		t.Errorf("stub with task states %+v", got)
	}
}

func TestAnEvaluationWrittenWithItsJobShowsTheJobsIndex(t *testing.T) {
	e := &api.Evaluation{TriggeredBy: api.TriggerJobRegister}
	e.SetIndexes(11, 13)
	if got := api.JoinEvaluation(e).JobModifyIndex; got != 11 {
		t.Errorf("JobModifyIndex is %d, want 11", got)
	}
	if e.JobModifyIndex != 0 {
		t.Error("the stored evaluation was changed")
	}
	other := &api.Evaluation{TriggeredBy: api.TriggerAllocStop}
	other.SetIndexes(11, 13)
	if got := api.JoinEvaluation(other).JobModifyIndex; got != 0 {
		t.Errorf("JobModifyIndex of %s is %d, want 0", other.TriggeredBy, got)
	}
}

func decode(t *testing.T, b []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatal(err)
	}
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestATaskShowsTheCoresAndDevicesThatPlacementChose(t *testing.T) {
	group := &api.TaskGroup{Name: new("g"), Tasks: []*api.Task{
		{Name: "pinned", Resources: &api.Resources{CPU: new(0), Cores: new(2), MemoryMB: new(64)}},
		{Name: "shares", Resources: &api.Resources{CPU: new(100), Cores: new(0), MemoryMB: new(32)}},
	}}
	alloc := &api.Allocation{ID: "a", TaskGroup: "g", Grants: []api.TaskGrant{{
		Task: "pinned", Cores: []uint16{2, 3}, CPU: 5192,
		Devices: []*api.AllocatedDeviceResource{{Vendor: "nvidia", Type: "gpu", Name: "1080ti", DeviceIDs: []string{"GPU-1"}}},
	}}}
	got := api.JoinAllocation(alloc, nil, &api.Job{ID: new("j"), TaskGroups: []*api.TaskGroup{group}})
	const pinned = `{"Cpu":{"CpuShares":5192,"ReservedCores":[2,3]},"Memory":{"MemoryMB":64,"MemoryMaxMB":0},"Networks":null,` +
		`"Devices":[{"Vendor":"nvidia","Type":"gpu","Name":"1080ti","DeviceIDs":["GPU-1"]}]}`
	const shares = `{"Cpu":{"CpuShares":100,"ReservedCores":null},"Memory":{"MemoryMB":32,"MemoryMaxMB":0},"Networks":null,"Devices":null}`
	for task, want := range map[string]string{"pinned": pinned, "shares": shares} {
		if b, err := json.Marshal(got.AllocatedResources.Tasks[task]); err != nil || string(b) != want {
			t.Errorf("%s: got %s, %v; want %s", task, b, err, want)
		}
	}
	if r := got.TaskResources["pinned"]; *r.CPU != 5192 || *r.Cores != 2 {
		t.Errorf("the older form has %d MHz and %d cores", *r.CPU, *r.Cores)
	}
}
