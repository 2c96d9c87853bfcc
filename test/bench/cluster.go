package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
	"github.com/droverhq/drover/test/fleet"
)

const fleetNodes = 500

// withFleet runs f with servers to which 500 simulated nodes are connected. pid is
// the server's process, 0 if it is not ours.
func (b *bench) withFleet(ctx context.Context, f func(c *client.Client, fl *fleet.Fleet, pid int) error) (err error) {
	address, sessions, pid := b.address, b.sessions, 0
	if address == "" {
		a, err := b.startAgent("-server")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, a.Stop()) }()
		address, sessions, pid = a.Client.Address(), []string{a.Sessions}, a.PID()
	}
	c, err := client.New(client.Config{Address: address})
	if err != nil {
		return err
	}
	fl := fleet.New(fleet.Options{Servers: sessions, Nodes: fleetNodes})
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { fl.Run(ctx) })
	if err := untilReady(ctx, c, fleetNodes); err != nil {
		return err
	}
	return f(c, fl, pid)
}

func placed(s api.TaskGroupSummary) int { return s.Starting + s.Running + s.Complete }

func measurePlaced(ctx context.Context, b *bench) error {
	return b.withFleet(ctx, func(c *client.Client, _ *fleet.Fleet, _ int) error {
		const count = 10_000
		start := time.Now()
		if err := register(ctx, c, job("big", api.JobTypeService, count, "/bin/sleep", "1000")); err != nil {
			return err
		}
		if err := untilSummary(ctx, c, "big", func(s api.TaskGroupSummary) bool { return placed(s) == count }); err != nil {
			return err
		}
		b.add("1 job × 10,000 on 500 nodes: placed and committed", count/time.Since(start).Seconds(),
			budget{unit: "/s", reference: 796, must: 50_000, aims: 150_000, rate: true})
		if err := untilSummary(ctx, c, "big", func(s api.TaskGroupSummary) bool { return s.Running == count }); err != nil {
			return err
		}
		b.add("the same: reported running", count/time.Since(start).Seconds(),
			budget{unit: "/s", reference: 381, must: 25_000, aims: 80_000, rate: true})
		return nil
	})
}

// measureMemory is what allocations take that run, of jobs of 10,000: enough of them
// that the buffers of the store, which do not grow with their number, count little.
func measureMemory(ctx context.Context, b *bench) error {
	return b.withFleet(ctx, func(c *client.Client, _ *fleet.Fleet, pid int) error {
		const jobs, count = 20, 10_000
		if pid == 0 {
			return errors.New("the memory of servers that are there already is not looked at")
		}
		before, err := rss(pid)
		if err != nil {
			return err
		}
		for i := range jobs {
			id := fmt.Sprintf("memory-%d", i)
			if err := register(ctx, c, job(id, api.JobTypeService, count, "/bin/sleep", "1000")); err != nil {
				return err
			}
			if err := untilSummary(ctx, c, id, func(s api.TaskGroupSummary) bool { return s.Running == count }); err != nil {
				return err
			}
		}
		if err := settle(ctx, 5*time.Second); err != nil {
			return err
		}
		after, err := rss(pid)
		if err != nil {
			return err
		}
		b.add("server memory per live allocation", (after-before)*1000/(jobs*count), budget{unit: "KB", reference: 85, must: 3, aims: 1})
		return nil
	})
}

func measureManyJobs(ctx context.Context, b *bench) error {
	return b.withFleet(ctx, func(c *client.Client, _ *fleet.Fleet, _ int) error {
		const jobs, each, senders = 200, 50, 8
		start := time.Now()
		var wait sync.WaitGroup
		errs := make([]error, senders)
		for s := range senders {
			wait.Go(func() {
				for i := s; i < jobs && errs[s] == nil; i += senders {
					errs[s] = register(ctx, c, job(fmt.Sprintf("many-%d", i), api.JobTypeService, each, "/bin/sleep", "1000"))
				}
			})
		}
		wait.Wait()
		if err := errors.Join(errs...); err != nil {
			return err
		}
		for i := range jobs {
			err := untilSummary(ctx, c, fmt.Sprintf("many-%d", i), func(s api.TaskGroupSummary) bool { return placed(s) == each })
			if err != nil {
				return err
			}
		}
		b.add("200 jobs × 50 on 500 nodes: placed and committed", jobs*each/time.Since(start).Seconds(),
			budget{unit: "/s", reference: 178, must: 10_000, aims: 50_000, rate: true})
		return nil
	})
}
