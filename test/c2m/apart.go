package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
	"github.com/droverhq/drover/test/process"
)

// backlog drains a batch group of 50,000 over room for 160.
func backlog(ctx context.Context, w *world) error {
	const count, room, runFor = 50_000, 160, 20 * time.Millisecond
	j := lasting(newJob("backlog", api.JobTypeBatch, count), runFor)
	j.TaskGroups[0].Tasks[0].Resources.CPU = new(w.nodes * nodeCPU / room)
	start := time.Now()
	if err := w.submit(ctx, j); err != nil {
		return err
	}
	last, said := 0, start
	err := w.until(ctx, "the backlog to be done", func(headcount) (bool, error) {
		s, _, err := w.client.Jobs.Summary(ctx, "backlog", client.Query{})
		if err != nil {
			return false, err
		}
		g := s.Summary[groupName]
		if since := time.Since(said); since > tell || g.Complete == count {
			fmt.Printf("  %5.0f s  %5d complete (%.0f /s), %d running, %d queued\n",
				time.Since(start).Seconds(), g.Complete, float64(g.Complete-last)/since.Seconds(), g.Running+g.Starting, g.Queued)
			last, said = g.Complete, time.Now()
		}
		return g.Complete == count, nil
	})
	if err != nil {
		return err
	}
	fmt.Printf("  %d instances of %v over room for %d: %.1f s\n", count, runFor, room, time.Since(start).Seconds())
	return nil
}

// nodeCPU is what a simulated node has unless it is told otherwise, in MHz.
const nodeCPU = 32_000

// groups runs a job of 4,000 groups.
func groups(ctx context.Context, w *world) error {
	const count = 4_000
	j := newJob("groups", api.JobTypeService, 1)
	j.TaskGroups = nil
	for n := range count {
		g := newGroup(fmt.Sprintf("g-%04d", n), 1)
		g.Update = &api.UpdateStrategy{MaxParallel: new(0)}
		j.TaskGroups = append(j.TaskGroups, g)
	}
	start := time.Now()
	if err := w.submit(ctx, j); err != nil {
		return err
	}
	fmt.Printf("  a job of %d groups submitted after %.1f s\n", count, time.Since(start).Seconds())
	err := w.until(ctx, "all groups to run", func(h headcount) (bool, error) { return h.Stored >= count, nil })
	if err != nil {
		return err
	}
	fmt.Printf("  all run after %.1f s\n", time.Since(start).Seconds())
	return nil
}

// children dispatches 100,000 children.
func children(ctx context.Context, w *world) error {
	const count = 100_000
	j := lasting(newJob("parent", api.JobTypeBatch, 1), 100*time.Millisecond)
	j.ParameterizedJob = &api.ParameterizedJobConfig{Payload: "optional"}
	if err := w.submit(ctx, j); err != nil {
		return err
	}
	start := time.Now()
	dispatched := make(chan error, 1)
	go func() {
		dispatched <- each(ctx, count, func(ctx context.Context, n int) error {
			_, err := w.client.Jobs.Dispatch(ctx, "parent", api.JobDispatchRequest{Payload: fmt.Append(nil, n)}, "", client.Query{})
			return err
		})
	}()
	said := start
	for {
		select {
		case err := <-dispatched:
			if err != nil {
				return err
			}
			fmt.Printf("  %d children dispatched after %.1f s\n", count, time.Since(start).Seconds())
			err = w.until(ctx, "all children to have run", func(headcount) (bool, error) {
				g, err := w.gauges(ctx)
				return g["nomad.nomad.job_status.pending"]+g["nomad.nomad.job_status.running"] <= 1, err // the parent is one
			})
			if err != nil {
				return err
			}
			fmt.Printf("  all have run after %.1f s\n", time.Since(start).Seconds())
			return nil
		case <-time.After(look):
			if time.Since(said) > tell {
				said = time.Now()
				if err := w.sayBatch(ctx, time.Since(start)); err != nil {
					return err
				}
			}
		}
	}
}

// wait says what a backlog costs that finds no room, while nothing changes.
func wait(ctx context.Context, w *world) error {
	const jobs, count, span = 1_000, 10, 10 * time.Second
	idle, err := w.usage(ctx, span)
	if err != nil {
		return err
	}
	err = each(ctx, jobs, func(ctx context.Context, n int) error {
		j := newJob(fmt.Sprintf("waiting-%04d", n), api.JobTypeBatch, count)
		j.TaskGroups[0].Tasks[0].Resources.CPU = new(nodeCPU + 1)
		return w.submit(ctx, j)
	})
	if err != nil {
		return err
	}
	err = w.until(ctx, "all jobs to be looked at", func(headcount) (bool, error) {
		g, err := w.gauges(ctx)
		return g["nomad.nomad.blocked_evals.total_blocked"] >= jobs, err
	})
	if err != nil {
		return err
	}
	with, err := w.usage(ctx, span)
	if err != nil {
		return err
	}
	fmt.Printf("  the server uses %.1f ms of CPU a second without a backlog, %.1f with %d jobs that wait for room for %d each\n",
		idle*1000, with*1000, jobs, count)
	return nil
}

// usage is how much CPU the server uses, in seconds a second, over a span in which
// nothing happens.
func (w *world) usage(ctx context.Context, span time.Duration) (float64, error) {
	before, err := process.CPU(w.server.PID())
	if err != nil {
		return 0, err
	}
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(span):
	}
	after, err := process.CPU(w.server.PID())
	return (after - before).Seconds() / span.Seconds(), err
}

// quiet waits until the server has little left to do: until it uses less CPU than calm, in
// seconds a second. It returns what it uses then, or after a minute.
func (w *world) quiet(ctx context.Context, calm float64) (float64, error) {
	const span, tries = 2 * time.Second, 30
	used := 0.0
	for range tries {
		var err error
		if used, err = w.usage(ctx, span); err != nil || used < calm {
			return used, err
		}
	}
	return used, nil
}

// change says what the failure of one instance costs in jobs of different sizes.
func change(ctx context.Context, w *world) error {
	const failures = 100
	for _, count := range []int{1_000, 10_000, 100_000} {
		id := fmt.Sprintf("change-%d", count)
		j := newJob(id, api.JobTypeService, count)
		j.TaskGroups[0].ReschedulePolicy = &api.ReschedulePolicy{
			Delay: new(5 * time.Second), DelayFunction: new("constant"), Unlimited: new(true),
		}
		before := w.crowd.now()
		if err := w.submit(ctx, j); err != nil {
			return err
		}
		all := before.Stored + count
		if err := w.until(ctx, id+" to run", func(h headcount) (bool, error) { return h.Stored >= all, nil }); err != nil {
			return err
		}
		list, _, err := w.client.Jobs.Allocations(ctx, id, false, client.Query{})
		if err != nil {
			return err
		}
		// The first one has the servers take note of all that has begun to run since.
		if _, err := w.fail(ctx, list[:1], all); err != nil {
			return err
		}
		some := make([]*api.AllocationListStub, 0, failures)
		for n := range failures {
			some = append(some, list[1+n*(len(list)-1)/failures])
		}
		each, err := w.fail(ctx, some, all)
		if err != nil {
			return err
		}
		first, next, err := w.readSummary(ctx, id)
		if err != nil {
			return err
		}
		fmt.Printf("  of %7d instances one fails and is replaced: %7.2f ms of the server's CPU; its summary is read in %.2f ms, and then in %.2f\n",
			count, each.Seconds()*1000, first.Seconds()*1000, next.Seconds()*1000)
	}
	return nil
}

// fail has allocations fail, waits until all so many instances run again, and returns
// the CPU time that the server took for each, beyond what it takes when nothing happens.
func (w *world) fail(ctx context.Context, allocs []*api.AllocationListStub, all int) (time.Duration, error) {
	idle, err := w.quiet(ctx, 0.08)
	if err != nil {
		return 0, err
	}
	before, err := process.CPU(w.server.PID())
	if err != nil {
		return 0, err
	}
	start := time.Now()
	pause := time.NewTicker(50 * time.Millisecond) // so that each is a change of its own
	defer pause.Stop()
	for _, a := range allocs {
		if err := w.crowd.fail(a.NodeID, a.ID); err != nil {
			return 0, err
		}
		<-pause.C
	}
	if err := w.until(ctx, "the last failure", func(h headcount) (bool, error) { return h.Stored < all, nil }); err != nil {
		return 0, err
	}
	if err := w.until(ctx, "replacements", func(h headcount) (bool, error) { return h.Stored >= all, nil }); err != nil {
		return 0, err
	}
	after, err := process.CPU(w.server.PID())
	used := after - before - time.Duration(idle*float64(time.Since(start)))
	return used / time.Duration(len(allocs)), err
}

// readSummary reads the summary of a job that nobody has asked for, and says how long
// that took, and the median of further times.
func (w *world) readSummary(ctx context.Context, id string) (first, next time.Duration, err error) {
	var times []time.Duration
	for range 21 {
		start := time.Now()
		if _, _, err := w.client.Jobs.Summary(ctx, id, client.Query{}); err != nil {
			return 0, 0, err
		}
		times = append(times, time.Since(start))
	}
	first = times[0]
	slices.Sort(times)
	return first, times[len(times)/2], nil
}
