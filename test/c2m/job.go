package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/droverhq/drover/api"
)

const (
	groupName = "g"
	// taskCPU and taskMemory let some 400 instances onto a node of 32,000 MHz and 64 GiB.
	taskCPU    = 80  // MHz
	taskMemory = 150 // MiB
	// senders is how many requests are under way at once.
	senders = 8
)

// newJob returns a job of one group with one task, which simulated nodes can run.
func newJob(id, kind string, count int) *api.Job {
	j := &api.Job{
		ID: &id, Name: &id, Type: &kind, Datacenters: []string{"*"},
		TaskGroups: []*api.TaskGroup{newGroup(groupName, count)},
	}
	if kind == api.JobTypeService {
		j.TaskGroups[0].Update = &api.UpdateStrategy{MaxParallel: new(0)} // all at once, without a rollout
		j.TaskGroups[0].Migrate = &api.MigrateStrategy{MaxParallel: new(100), MinHealthyTime: new(time.Second)}
	}
	return j
}

func newGroup(name string, count int) *api.TaskGroup {
	return &api.TaskGroup{
		Name: &name, Count: &count, EphemeralDisk: &api.EphemeralDisk{SizeMB: new(10)},
		Tasks: []*api.Task{{
			Name: "task", Driver: "raw_exec", Config: map[string]any{"command": "/bin/sleep", "args": []string{"1000"}},
			Resources: &api.Resources{CPU: new(taskCPU), MemoryMB: new(taskMemory)},
			LogConfig: &api.LogConfig{MaxFiles: new(1), MaxFileSizeMB: new(1)},
		}},
	}
}

// lasting has the tasks of a batch job end by themselves after a time.
func lasting(j *api.Job, d time.Duration) *api.Job {
	for _, g := range j.TaskGroups {
		g.Tasks[0].Config["run_for"] = d.String()
	}
	return j
}

// submit registers a job.
func (w *world) submit(ctx context.Context, j *api.Job) error {
	if _, err := w.client.Jobs.Register(ctx, api.JobRegisterRequest{Job: j}); err != nil {
		return fmt.Errorf("submit job %s: %w", *j.ID, err)
	}
	return nil
}

// each does count things, several at once, until one fails.
func each(ctx context.Context, count int, do func(ctx context.Context, n int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var working sync.WaitGroup
	next := make(chan int)
	for range senders {
		working.Go(func() {
			for n := range next {
				if err := do(ctx, n); err != nil {
					cancel(err)
				}
			}
		})
	}
	for n := 0; n < count && ctx.Err() == nil; n++ {
		next <- n
	}
	close(next)
	working.Wait()
	return context.Cause(ctx)
}
