package main

import (
	"context"
	"fmt"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
	"github.com/droverhq/drover/test/fleet"
	"github.com/droverhq/drover/test/process"
)

// place submits all jobs and waits until everything runs.
func place(ctx context.Context, w *world) error {
	start, before := time.Now(), w.crowd.now()
	submitted := make(chan error, 1)
	go func() {
		submitted <- each(ctx, w.jobs, func(ctx context.Context, n int) error {
			count := (n+1)*w.allocs/w.jobs - n*w.allocs/w.jobs
			return w.submit(ctx, newJob(fmt.Sprintf("job-%04d", n), api.JobTypeService, count))
		})
	}()
	err := w.until(ctx, "everything to run", func(h headcount) (bool, error) {
		select {
		case err := <-submitted:
			if err != nil {
				return false, err
			}
			fmt.Printf("  %5.0f s  all %d jobs are submitted\n", time.Since(start).Seconds(), w.jobs)
			submitted = nil
		default:
		}
		return h.Stored-before.Stored >= w.allocs, nil
	})
	if err != nil {
		return err
	}
	took := time.Since(start)
	w.placed = w.allocs
	h := w.crowd.now()
	fmt.Printf("  %d allocations of %d jobs on %d nodes: stored as running after %.1f s, %.0f /s\n",
		w.allocs, w.jobs, w.nodes, took.Seconds(), float64(w.allocs)/took.Seconds())
	fmt.Printf("  from submit to running: %s\n", percentiles(h.Latencies))
	return nil
}

func percentiles(counts []int64) string {
	at := func(q float64) time.Duration { return fleet.Quantile(counts, q).Round(time.Millisecond) }
	return fmt.Sprintf("50 %% within %v, 90 %% %v, 99 %% %v, all %v", at(0.5), at(0.9), at(0.99), at(1))
}

// lose has 5 % of the nodes vanish at once.
func lose(ctx context.Context, w *world) error {
	before := w.crowd.now()
	count := max(1, before.Connected/20)
	if err := w.crowd.lose(count); err != nil {
		return err
	}
	start := time.Now()
	if err := w.until(ctx, "the nodes to be lost", func(h headcount) (bool, error) { return h.Connected <= before.Connected-count, nil }); err != nil {
		return err
	}
	lost := before.Stored - w.crowd.now().Stored
	err := w.until(ctx, "everything to run elsewhere", func(h headcount) (bool, error) { return h.Stored >= before.Stored, nil })
	if err != nil {
		return err
	}
	fmt.Printf("  %d nodes with %d instances vanished: all run elsewhere after %.1f s, of which 2 s are the grace that nodes have\n",
		count, lost, time.Since(start).Seconds())
	return nil
}

// rollOut brings a job of 10,000 to its next version.
func rollOut(ctx context.Context, w *world) error {
	count := min(10_000, w.allocs/10)
	j := newJob("rollout", api.JobTypeService, count)
	j.TaskGroups[0].Update = &api.UpdateStrategy{
		MaxParallel: new(count / 10), MinHealthyTime: new(time.Second),
		HealthyDeadline: new(time.Minute), ProgressDeadline: new(5 * time.Minute),
	}
	if err := w.submit(ctx, j); err != nil {
		return err
	}
	if err := w.untilDeployed(ctx, "rollout", 0); err != nil {
		return err
	}
	before, err := process.CPU(w.server.PID())
	if err != nil {
		return err
	}
	j.TaskGroups[0].Tasks[0].Env = map[string]string{"VERSION": "2"}
	start := time.Now()
	if err := w.submit(ctx, j); err != nil {
		return err
	}
	if err := w.untilDeployed(ctx, "rollout", 1); err != nil {
		return err
	}
	after, err := process.CPU(w.server.PID())
	if err != nil {
		return err
	}
	fmt.Printf("  %d instances in ten steps, each healthy for 1 s: %.1f s, %.1f CPU seconds of the server\n",
		count, time.Since(start).Seconds(), (after - before).Seconds())
	w.placed += count
	return nil
}

// untilDeployed waits until the rollout of a version has succeeded.
func (w *world) untilDeployed(ctx context.Context, job string, version uint64) error {
	return w.until(ctx, "the rollout of "+job, func(headcount) (bool, error) {
		d, _, err := w.client.Jobs.LatestDeployment(ctx, job, client.Query{})
		if err != nil || d == nil || d.JobVersion != version || d.Active() {
			return false, err
		}
		if d.Status != api.DeploymentSuccessful {
			return false, fmt.Errorf("the rollout is %s: %s", d.Status, d.StatusDescription)
		}
		return true, nil
	})
}

// drain empties 100 nodes.
func drain(ctx context.Context, w *world) error {
	nodes, _, err := w.client.Nodes.List(ctx, false, client.Query{})
	if err != nil {
		return err
	}
	var chosen []string
	for _, n := range nodes {
		if n.Status == api.NodeReady && len(chosen) < max(1, min(100, w.nodes/10)) {
			chosen = append(chosen, n.ID)
		}
	}
	start := time.Now()
	err = each(ctx, len(chosen), func(ctx context.Context, n int) error {
		_, err := w.client.Nodes.Drain(ctx, chosen[n], api.DrainSpec{Deadline: time.Hour}, nil, client.Query{})
		return err
	})
	if err != nil {
		return err
	}
	before := w.crowd.now()
	err = w.until(ctx, "the nodes to be empty", func(headcount) (bool, error) {
		for len(chosen) > 0 {
			n, _, err := w.client.Nodes.Get(ctx, chosen[0], client.Query{})
			if err != nil || n.DrainStrategy != nil {
				return false, err
			}
			chosen = chosen[1:]
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	fmt.Printf("  nodes drained after %.1f s, %d instances ran before and %d after\n",
		time.Since(start).Seconds(), before.Stored, w.crowd.now().Stored)
	return nil
}

const batchJobsAMinute = 1_000

// batch has batch jobs come, run for two seconds and go.
func batch(ctx context.Context, w *world) error {
	ctx, cancel := context.WithTimeout(ctx, w.batch+patience)
	defer cancel()
	tick := time.NewTicker(time.Minute / batchJobsAMinute)
	defer tick.Stop()
	total := int(w.batch.Minutes() * batchJobsAMinute)
	start := time.Now()
	slots := make(chan struct{}, senders)
	failed := make(chan error, senders)
	for n := range total {
		if n%(batchJobsAMinute/2) == 0 {
			if err := w.sayBatch(ctx, time.Since(start)); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-failed:
			return err
		case <-tick.C:
		}
		slots <- struct{}{}
		go func() {
			defer func() { <-slots }()
			j := lasting(newJob(fmt.Sprintf("batch-%06d", n), api.JobTypeBatch, 1), 2*time.Second)
			if err := w.submit(ctx, j); err != nil {
				failed <- err
			}
		}()
	}
	for range senders {
		slots <- struct{}{}
	}
	return w.sayBatch(ctx, time.Since(start))
}

func (w *world) sayBatch(ctx context.Context, after time.Duration) error {
	g, err := w.gauges(ctx)
	if err != nil {
		return err
	}
	server, err := process.Memory(w.server.PID())
	if err != nil {
		return err
	}
	fmt.Printf("  %5.0f s  %5.0f jobs, %8.0f allocations, %7.0f evaluations in the store; %s in memory, heap %s\n", after.Seconds(),
		g["drover.store.jobs"], g["drover.store.allocations"], g["drover.store.evaluations"], bytesOf(server), bytesOf(int64(g["nomad.runtime.alloc_bytes"])))
	return nil
}
