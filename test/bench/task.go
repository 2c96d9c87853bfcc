package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
	"github.com/droverhq/drover/test/process"
)

// measureExecStart measures what the node agent takes from when it begins to set a task
// of driver exec up until that runs, one task after the other, and what a running one
// costs.
func measureExecStart(ctx context.Context, b *bench) error {
	return b.withDev(ctx, func(a *process.Agent) error {
		const count = 20
		var times []time.Duration
		for i := range count {
			j := job(fmt.Sprintf("exec-%d", i), api.JobTypeService, 1, "/bin/sleep", "1000")
			j.TaskGroups[0].Tasks[0].Driver = "exec"
			states, err := runAll(ctx, a.Client, j, 1)
			if err != nil {
				return err
			}
			times = append(times, eventTime(states[0], api.EventStarted).Sub(eventTime(states[0], api.EventTaskSetup)))
		}
		b.add("exec task start, in the node agent", median(times)*1000, budget{unit: "ms", must: 50, aims: 20, required: true})
		shims, err := shimMemory(a.Dir)
		if err != nil {
			return err
		}
		b.add("memory of shims per running exec task", shims/count, budget{unit: "MB", must: 8, aims: 4})
		return nil
	})
}

// measureThousand measures the memory that a node with a thousand tasks of driver exec
// takes: the agent, the shims and the tasks, which do nothing. What they share is counted
// for each, so that it is less in truth.
func measureThousand(ctx context.Context, b *bench) error {
	return b.withDev(ctx, func(a *process.Agent) error {
		const count = 1000
		j := job("thousand", api.JobTypeService, count, "/bin/sleep", "10000")
		j.TaskGroups[0].Tasks[0].Driver = "exec"
		states, err := runAll(ctx, a.Client, j, count)
		if err != nil {
			return err
		}
		first, last := span(states)
		agent, err := rss(a.PID())
		if err != nil {
			return err
		}
		shims, err := shimMemory(a.Dir)
		if err != nil {
			return err
		}
		tasks, err := taskMemory("thousand")
		if err != nil {
			return err
		}
		b.add("memory of a node with 1,000 exec tasks", (agent+shims+tasks)/1024, budget{unit: "GB", must: 8, aims: 4, required: true})
		b.add("memory of its agent", agent, budget{unit: "MB", must: 400, aims: 200})
		b.add("exec tasks started, in a second", count/last.Sub(first).Seconds(), budget{unit: "/s", must: 20, aims: 50, rate: true})
		return nil
	})
}

// taskMemory is the resident memory of the processes of a job's tasks, in MB.
func taskMemory(job string) (float64, error) {
	return memoryOf(func(proc string) bool {
		environ, err := os.ReadFile(filepath.Join(proc, "environ"))
		return err == nil && bytes.Contains(environ, []byte("NOMAD_JOB_ID="+job+"\x00"))
	})
}

// span is when the first of some tasks was known to the node, and when the last began.
func span(states []*api.TaskState) (first, last time.Time) {
	first = time.Now()
	for _, s := range states {
		if at := eventTime(s, api.EventReceived); at.Before(first) {
			first = at
		}
		if at := eventTime(s, api.EventStarted); at.After(last) {
			last = at
		}
	}
	return first, last
}

// measureStartRate measures how many raw_exec tasks a node starts in a second when it
// is given many at once.
func measureStartRate(ctx context.Context, b *bench) error {
	return b.withDev(ctx, func(a *process.Agent) error {
		const count = 300
		states, err := runAll(ctx, a.Client, job("rate", api.JobTypeService, count, "/bin/sleep", "1000"), count)
		if err != nil {
			return err
		}
		first, last := span(states)
		b.add("raw_exec tasks started, in a second", count/last.Sub(first).Seconds(), budget{unit: "/s", must: 100, aims: 200, rate: true, required: true})
		return nil
	})
}

// runAll runs a job until all its tasks run, and returns their states.
func runAll(ctx context.Context, c *client.Client, j *api.Job, count int) ([]*api.TaskState, error) {
	if err := register(ctx, c, j); err != nil {
		return nil, err
	}
	if err := untilSummary(ctx, c, *j.ID, func(s api.TaskGroupSummary) bool { return s.Running == count }); err != nil {
		return nil, err
	}
	list, _, err := c.Jobs.Allocations(ctx, *j.ID, false, client.Query{})
	if err != nil {
		return nil, err
	}
	var states []*api.TaskState
	for _, alloc := range list {
		states = append(states, alloc.TaskStates["task"])
	}
	return states, nil
}

// eventTime is when the last event of a kind was; zero if there was none.
func eventTime(s *api.TaskState, kind string) time.Time {
	var at time.Time
	for _, e := range s.Events {
		if e.Type == kind {
			at = time.Unix(0, e.Time)
		}
	}
	return at
}
