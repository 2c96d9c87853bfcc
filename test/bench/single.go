package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
	"github.com/droverhq/drover/test/process"
)

func measureVersion(ctx context.Context, b *bench) error {
	var times []time.Duration
	for range 20 {
		start := time.Now()
		if err := exec.CommandContext(ctx, filepath.Join(b.bin, "drover"), "version").Run(); err != nil {
			return err
		}
		times = append(times, time.Since(start))
	}
	b.add("drover version, whole process", median(times)*1000, budget{unit: "ms", reference: 24, must: 20, aims: 8})
	return nil
}

func median(d []time.Duration) float64 {
	slices.Sort(d)
	return d[len(d)/2].Seconds()
}

func measureBinary(_ context.Context, b *bench) error {
	info, err := os.Stat(filepath.Join(b.bin, "drover"))
	if err != nil {
		return err
	}
	b.add("size of the drover binary, stripped", float64(info.Size())/1e6, budget{unit: "MB", reference: 110, must: 90, aims: 60})
	return nil
}

func measureDevStart(ctx context.Context, b *bench) (err error) {
	var times []time.Duration
	for i := range 5 {
		a, err := b.startAgent("-dev")
		if err != nil {
			return err
		}
		err = untilReady(ctx, a.Client, 1)
		times = append(times, time.Since(a.Started))
		if err == nil && i == 4 {
			err = b.addIdle(ctx, a)
		}
		if err = errors.Join(err, a.Stop()); err != nil {
			return err
		}
	}
	b.add("dev agent, start to node ready", median(times), budget{unit: "s", reference: 3.1, must: 0.5, aims: 0.2, required: true})
	return nil
}

func (b *bench) addIdle(ctx context.Context, a *process.Agent) error {
	if err := settle(ctx, 10*time.Second); err != nil {
		return err
	}
	mb, err := rss(a.PID())
	if err != nil {
		return err
	}
	b.add("dev agent, idle memory (RSS)", mb, budget{unit: "MB", reference: 92, must: 70, aims: 45, required: true})
	return nil
}

// withDev runs f with a dev agent that is ready.
func (b *bench) withDev(ctx context.Context, f func(a *process.Agent) error) error {
	a, err := b.startAgent("-dev")
	if err != nil {
		return err
	}
	err = untilReady(ctx, a.Client, 1)
	if err == nil {
		err = f(a)
	}
	return errors.Join(err, a.Stop())
}

// job returns a job of one group whose only task runs a command with raw_exec.
func job(id, kind string, count int, command string, args ...string) *api.Job {
	if args == nil {
		args = []string{}
	}
	return &api.Job{
		ID: &id, Name: &id, Type: &kind, Datacenters: []string{"*"},
		TaskGroups: []*api.TaskGroup{{
			Name: new("g"), Count: &count, EphemeralDisk: &api.EphemeralDisk{SizeMB: new(10)},
			Update: noUpdate(kind),
			Tasks: []*api.Task{{
				Name: "task", Driver: "raw_exec", Config: map[string]any{"command": command, "args": args},
				Resources: &api.Resources{CPU: new(1), MemoryMB: new(10)},
				LogConfig: &api.LogConfig{MaxFiles: new(1), MaxFileSizeMB: new(1)},
			}},
		}},
	}
}

// noUpdate places all instances at once, without a deployment.
func noUpdate(kind string) *api.UpdateStrategy {
	if kind != api.JobTypeService {
		return nil
	}
	return &api.UpdateStrategy{MaxParallel: new(0)}
}

func register(ctx context.Context, c *client.Client, j *api.Job) error {
	_, err := c.Jobs.Register(ctx, api.JobRegisterRequest{Job: j})
	return err
}

// untilSummary waits until a job's only group is as asked for, by blocking queries.
func untilSummary(ctx context.Context, c *client.Client, id string, want func(api.TaskGroupSummary) bool) error {
	q := client.Query{WaitTime: 5 * time.Second}
	for ctx.Err() == nil {
		s, meta, err := c.Jobs.Summary(ctx, id, q)
		if err != nil {
			return err
		}
		if want(s.Summary["g"]) {
			return nil
		}
		q.WaitIndex = meta.LastIndex
	}
	return ctx.Err()
}

func measureJobRun(ctx context.Context, b *bench) error {
	return b.withDev(ctx, func(a *process.Agent) error {
		var times []time.Duration
		for i := range 10 {
			id := fmt.Sprintf("run-%d", i)
			start := time.Now()
			if err := register(ctx, a.Client, job(id, api.JobTypeService, 1, "/bin/sleep", "1000")); err != nil {
				return err
			}
			if err := untilSummary(ctx, a.Client, id, func(s api.TaskGroupSummary) bool { return s.Running == 1 }); err != nil {
				return err
			}
			times = append(times, time.Since(start))
		}
		b.add("job run to task running (raw_exec)", median(times), budget{unit: "s", reference: 0.61, must: 0.08, aims: 0.03, required: true})
		return nil
	})
}

func measureTrueBatch(ctx context.Context, b *bench) error {
	return b.withDev(ctx, func(a *process.Agent) error {
		const count = 100
		start := time.Now()
		if err := register(ctx, a.Client, job("true", api.JobTypeBatch, count, "/bin/true")); err != nil {
			return err
		}
		if err := untilSummary(ctx, a.Client, "true", func(s api.TaskGroupSummary) bool { return s.Complete == count }); err != nil {
			return err
		}
		b.add("100 × /bin/true batch, submitted to all complete", time.Since(start).Seconds(),
			budget{unit: "s", reference: 8.4, must: 1.0, aims: 0.4, required: true})
		return nil
	})
}

func measureTaskMemory(ctx context.Context, b *bench) error {
	return b.withDev(ctx, func(a *process.Agent) error {
		const count = 50
		if err := settle(ctx, 2*time.Second); err != nil {
			return err
		}
		before, err := rss(a.PID())
		if err != nil {
			return err
		}
		if err := register(ctx, a.Client, job("sleepers", api.JobTypeService, count, "/bin/sleep", "1000")); err != nil {
			return err
		}
		if err := untilSummary(ctx, a.Client, "sleepers", func(s api.TaskGroupSummary) bool { return s.Running == count }); err != nil {
			return err
		}
		if err := settle(ctx, 10*time.Second); err != nil {
			return err
		}
		after, err := rss(a.PID())
		if err != nil {
			return err
		}
		shims, err := shimMemory(a.Dir)
		if err != nil {
			return err
		}
		b.add("memory per running task outside the task itself", (after-before+shims)/count, budget{unit: "MB", reference: 70, must: 8, aims: 4})
		return nil
	})
}

// shimMemory is the resident memory of all shims that work below a folder, in MB.
func shimMemory(dir string) (float64, error) {
	return memoryOf(func(proc string) bool {
		cmdline, err := os.ReadFile(filepath.Join(proc, "cmdline"))
		return err == nil && strings.Contains(string(cmdline), "drover-shim") && strings.Contains(string(cmdline), dir)
	})
}

// memoryOf is the resident memory of processes, in MB, by their folders in /proc.
func memoryOf(meant func(proc string) bool) (float64, error) {
	procs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	total := 0.0
	for _, p := range procs {
		if !meant(p) {
			continue
		}
		var pid int
		if _, err := fmt.Sscanf(filepath.Base(p), "%d", &pid); err != nil {
			return 0, err
		}
		mb, err := rss(pid)
		if err != nil {
			return 0, err
		}
		total += mb
	}
	return total, nil
}
