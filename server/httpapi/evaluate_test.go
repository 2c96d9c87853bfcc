package httpapi

import (
	"fmt"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// What failed, should run and has no successor is replaced when a user says so, however
// much of it there is; nothing else is.
func TestForcedRescheduleReplacesWhatFailed(t *testing.T) {
	c := newCluster(t)
	c.put(&api.Job{Namespace: new("default"), ID: new("flaky"), Type: new(api.JobTypeBatch), JobModifyIndex: new(uint64(1))})
	want := map[string]bool{}
	var objects []api.Object
	add := func(id, client, desired, next string, forced bool) {
		want[id] = forced
		a := &api.Allocation{ID: id, Namespace: "default", JobID: "flaky", DesiredStatus: desired, NextAllocation: next}
		objects = append(objects, a, &api.AllocationStatus{ID: id, ClientStatus: client})
	}
	add("running", api.AllocClientRunning, api.AllocDesiredRun, "", false)
	add("complete", api.AllocClientComplete, api.AllocDesiredRun, "", false)
	add("stopped", api.AllocClientFailed, api.AllocDesiredStop, "", false)
	add("replaced", api.AllocClientFailed, api.AllocDesiredRun, "running", false)
	for n := range maxForced + 1 {
		add(fmt.Sprintf("failed-%d", n), api.AllocClientFailed, api.AllocDesiredRun, "", true)
	}
	c.put(objects...)

	var out api.JobRegisterResponse
	c.must("PUT", "/v1/job/flaky/evaluate", `{"JobID":"flaky","EvalOptions":{"ForceReschedule":true}}`, &out)
	snap := c.store.Snapshot()
	if eval, ok := store.Get[*api.Evaluation](snap, api.Key{Kind: api.KindEvaluation, ID: out.EvalID}); !ok || eval.Status != api.EvalPending {
		t.Fatalf("evaluation %q: %+v", out.EvalID, eval)
	}
	for a := range store.List[*api.Allocation](snap, store.Query{}) {
		if got := api.Deref(a.DesiredTransition.ForceReschedule); got != want[a.ID] {
			t.Errorf("%s: forced %v", a.ID, got)
		}
	}
}
