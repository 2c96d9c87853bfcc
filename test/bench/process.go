package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
	"github.com/droverhq/drover/test/process"
)

// startAgent starts an agent with files of its own; args say which roles.
func (b *bench) startAgent(args ...string) (*process.Agent, error) {
	dir, err := os.MkdirTemp("", "drover-bench-*")
	if err != nil {
		return nil, err
	}
	return process.Start(process.Options{Bin: b.bin, Dir: dir, Args: args})
}

// untilReady waits until n nodes are ready.
func untilReady(ctx context.Context, c *client.Client, n int) error {
	return until(ctx, "nodes ready", func() (bool, error) {
		nodes, _, err := c.Nodes.List(ctx, false, client.Query{})
		if err != nil {
			return false, nil // not listening yet, or no leader
		}
		ready := 0
		for _, node := range nodes {
			if node.Status == api.NodeReady {
				ready++
			}
		}
		return ready >= n, nil
	})
}

const (
	pollEvery = 2 * time.Millisecond
	pollMax   = 5 * time.Minute
)

// until polls a condition: what is measured is fast, and must not be disturbed by
// more than a poll.
func until(ctx context.Context, what string, cond func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, pollMax)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		ok, err := cond()
		if err != nil {
			return fmt.Errorf("wait for %s: %w", what, err)
		}
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, ctx.Err())
		case <-tick.C:
		}
	}
}

// rss is the resident memory of a process, in MB.
func rss(pid int) (float64, error) {
	n, err := process.Memory(pid)
	return float64(n) / 1e6, err
}

// settle gives a process time to come to rest before its memory is read.
func settle(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
