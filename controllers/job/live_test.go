package job_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/job"
	"github.com/droverhq/drover/controllers/scenario"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/mem"
)

// TestDryRunsOnTheLiveFleetSayWhatThoseOnASnapshotSay: while the controller leads, when
// something has been placed, and when it leads no more.
func TestDryRunsOnTheLiveFleetSayWhatThoseOnASnapshotSay(t *testing.T) {
	s := mem.New(mem.Options{ServerID: "server-1"})
	m, err := reconcile.NewManager(reconcile.Options{Store: s, ServerID: "server-1"})
	if err != nil {
		t.Fatal(err)
	}
	live := &job.Live{}
	if err := job.Register(m, job.Options{Live: live}); err != nil {
		t.Fatal(err)
	}
	put := func(objects ...api.Object) {
		var txn store.Txn
		for _, o := range objects {
			txn.Writes = append(txn.Writes, store.Put(o))
		}
		if _, err := s.Apply(t.Context(), txn); err != nil {
			t.Fatal(err)
		}
	}
	config := api.DefaultSchedulerConfiguration()
	config.PreemptionConfig.ServiceSchedulerEnabled = true
	put(config)
	for _, id := range []string{"node-1", "node-2"} {
		put(scenario.NewNode(id, "dc1", "", 4000, 8192), &api.NodeStatus{NodeID: id, Status: api.NodeReady})
	}
	compare := func(when string, count int) {
		t.Helper()
		spec := scenario.NewSpec("next")
		spec.Count, spec.CPU, spec.Memory = count, 1000, 100 // 8 fit on two nodes that are empty
		spec.Priority = 80                                   // others may have to make room
		j, snap, now := spec.Job(), s.Snapshot(), time.Now()
		j.Version = new(uint64(0))
		ignored := cmpopts.IgnoreFields(api.AllocationMetric{}, "AllocationTime")
		if d := cmp.Diff(job.DryRun(snap, j, now), live.DryRun(snap, j, now), ignored); d != "" {
			t.Errorf("%s, from a snapshot − and live +:\n%s", when, d)
		}
	}
	compare("before anybody leads", 9)

	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Start(ctx) }()
	spec := scenario.NewSpec("first")
	spec.Count, spec.CPU, spec.Memory = 5, 1000, 100
	j := spec.Job()
	j.Version = new(uint64(0))
	put(j, &api.JobVersion{Job: j}, &api.Evaluation{
		ID: "eval-1", Namespace: api.DefaultNamespace, JobID: "first", Type: api.JobTypeService, Status: api.EvalPending,
		TriggeredBy: api.TriggerJobRegister, CreateTime: time.Now().UnixNano(),
	})
	for store.Count[*api.Evaluation](s.Snapshot(), store.Query{Index: store.ByStatus, Value: api.EvalComplete}) == 0 {
		if err := s.WaitIndex(ctx, s.Snapshot().Index()+1); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // a dry run leaves no trace
		compare("when five of eight places are taken", 4)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	put(scenario.NewNode("node-3", "dc1", "", 4000, 8192), &api.NodeStatus{NodeID: "node-3", Status: api.NodeReady})
	compare("when it leads no more", 8)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
