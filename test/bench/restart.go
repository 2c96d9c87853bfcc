package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/raft"
)

const (
	restartJobs  = 100
	restartCount = 10_000 // of each job
	restartNodes = 6_100
)

// measureRestart starts a server on the data of a large cluster, which is written by
// way of the store, as a server would have written it.
func measureRestart(ctx context.Context, b *bench) (err error) {
	dir, err := os.MkdirTemp("", "drover-bench-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := fill(ctx, filepath.Join(dir, "server")); err != nil {
		return fmt.Errorf("write the data: %w", err)
	}
	a, err := b.startAgent("-server", "-data-dir", dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Stop()) }()
	err = until(ctx, "the server", func() (bool, error) {
		_, _, err := a.Client.Jobs.Get(ctx, restartJob(0), client.Query{})
		return err == nil, nil
	})
	if err != nil {
		return err
	}
	b.add("restart of a server that holds 1,000,000 allocations, to serving", time.Since(a.Started).Seconds(),
		budget{unit: "s", must: 20, aims: 5})
	if err := settle(ctx, 5*time.Second); err != nil {
		return err
	}
	mb, err := rss(a.PID())
	if err != nil {
		return err
	}
	b.add("the same: memory per allocation", mb*1000/(restartJobs*restartCount), budget{unit: "KB", reference: 85, must: 3, aims: 1})
	return nil
}

func restartJob(n int) string { return fmt.Sprintf("restart-%d", n) }

// fill writes nodes that are ready, and jobs all of whose instances run on them.
func fill(ctx context.Context, dir string) error {
	id := uuid.NewString()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "id"), []byte(id+"\n"), 0o600); err != nil {
		return err
	}
	s, err := raft.Open(raft.Options{DataDir: dir, ServerID: id})
	if err != nil {
		return err
	}
	nodes, err := fillNodes(ctx, s)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	const writers = 3
	errs := make([]error, writers)
	var wait sync.WaitGroup
	for w := range writers {
		wait.Go(func() {
			for n := w; n < restartJobs && errs[w] == nil; n += writers {
				errs[w] = fillJob(ctx, s, n, nodes)
			}
		})
	}
	wait.Wait()
	return errors.Join(errors.Join(errs...), s.Close())
}

func fillNodes(ctx context.Context, s store.Store) ([]*api.Node, error) {
	var nodes []*api.Node
	var txn store.Txn
	for i := range restartNodes {
		n := &api.Node{
			ID: uuid.NewString(), SecretID: uuid.NewString(), Name: fmt.Sprintf("node-%d", i),
			Datacenter: "dc1", NodePool: api.DefaultNodePool,
			Attributes: map[string]string{"kernel.name": "linux", "driver.raw_exec": "1"},
			Drivers:    map[string]*api.DriverInfo{"raw_exec": {Detected: true, Healthy: true}},
			Resources: &api.NodeResources{
				Cpu: api.NodeCPUResources{CpuShares: 32_000}, Memory: api.NodeMemoryResources{MemoryMB: 65_536},
				Disk: api.NodeDiskResources{DiskMB: 1 << 24},
			},
		}
		n.ComputedClass = api.ComputeClass(n)
		nodes = append(nodes, n)
		txn.Writes = append(txn.Writes, store.Put(n), store.Put(&api.NodeStatus{NodeID: n.ID, Status: api.NodeReady}))
	}
	_, err := s.Apply(ctx, txn)
	return nodes, err
}

func fillJob(ctx context.Context, s store.Store, n int, nodes []*api.Node) error {
	j := job(restartJob(n), api.JobTypeService, restartCount, "/bin/sleep", "1000")
	j.Namespace, j.Version = new(api.DefaultNamespace), new(uint64(0))
	txn := store.Txn{Writes: []store.Write{
		store.Put(j), store.Put(&api.JobVersion{Job: j}),
		store.Put(&api.JobStatus{Namespace: api.DefaultNamespace, JobID: *j.ID, Status: api.JobStatusRunning}),
	}}
	eval := uuid.NewString()
	for i := range restartCount {
		a := placedOn(j, eval, i, nodes[(n*restartCount+i)%len(nodes)])
		txn.Writes = append(txn.Writes, store.Put(a), store.Put(runningSince(a, time.Now())))
		if len(txn.Writes) >= 1000 || i == restartCount-1 {
			if _, err := s.Apply(ctx, txn); err != nil {
				return err
			}
			txn = store.Txn{}
		}
	}
	return nil
}

// placedOn returns an allocation as the job controller places it.
func placedOn(j *api.Job, eval string, i int, n *api.Node) *api.Allocation {
	metric := &api.AllocationMetric{
		NodesEvaluated: restartNodes, NodesInPool: restartNodes, NodePool: api.DefaultNodePool,
		NodesAvailable: map[string]int{"dc1": restartNodes}, AllocationTime: 1500,
		ScoreMetaData: []*api.NodeScoreMeta{{NodeID: n.ID, Scores: map[string]float64{"binpack": 0.1234}, NormScore: 0.1234}},
	}
	return &api.Allocation{
		ID: uuid.NewString(), Namespace: *j.Namespace, EvalID: eval, Name: api.AllocName(*j.ID, "g", i),
		NodeID: n.ID, NodeName: n.Name, JobID: *j.ID, JobType: *j.Type, TaskGroup: "g",
		DesiredStatus: api.AllocDesiredRun, Usage: api.Usage{CPU: 1, MemoryMB: 10, DiskMB: 10},
		Placement: metric.Encode(), CreateTime: time.Now().UnixNano(), ModifyTime: time.Now().UnixNano(),
	}
}

// runningSince returns what a node agent says of an allocation whose task it started.
func runningSince(a *api.Allocation, now time.Time) *api.AllocationStatus {
	event := func(kind, message string) *api.TaskEvent {
		return &api.TaskEvent{Type: kind, Time: now.UnixNano(), DisplayMessage: message}
	}
	return &api.AllocationStatus{
		ID: a.ID, NodeID: a.NodeID, Namespace: a.Namespace, JobID: a.JobID,
		ClientStatus: api.AllocClientRunning, ModifyTime: now.UnixNano(),
		TaskStates: map[string]*api.TaskState{"task": {State: api.TaskStateRunning, StartedAt: &now, Events: []*api.TaskEvent{
			event(api.EventReceived, "Task received by client"),
			event(api.EventTaskSetup, "Building Task Directory"),
			event(api.EventStarted, "Task started by client"),
		}}},
	}
}
