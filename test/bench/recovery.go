package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
	"github.com/droverhq/drover/test/process"
)

// recovered is how many tasks a node agent that was killed finds again.
const recovered = 1000

// nodeConfig is that of a node that runs tasks of raw_exec, however many.
const nodeConfig = `client {
  network_interface = "lo"
  cpu_total_compute = 100000
  memory_total_mb   = 100000
}
plugin "raw_exec" {
  config { enabled = true }
}
`

// measureRecovery measures what a node agent that is started after a kill -9 takes until
// it watches all tasks again that run on its node.
func measureRecovery(ctx context.Context, b *bench) (err error) {
	server, err := b.startAgent("-server")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	dir, err := os.MkdirTemp("", "drover-bench-*")
	if err != nil {
		return err
	}
	config := filepath.Join(dir, "node.hcl")
	if err := os.WriteFile(config, []byte(nodeConfig), 0o600); err != nil {
		return err
	}
	o := process.Options{Bin: b.bin, Dir: dir, Args: []string{"-client", "-servers", server.Sessions, "-config", config}}
	node, err := process.Start(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, node.Stop()) }()
	if err := untilReady(ctx, server.Client, 1); err != nil {
		return err
	}
	j := job("recovery", api.JobTypeService, recovered, "/bin/sleep", "10000")
	defer func() { err = errors.Join(err, endTasks(context.WithoutCancel(ctx), server, node, *j.ID)) }()
	if _, err := runAll(ctx, server.Client, j, recovered); err != nil {
		return err
	}
	if err := node.Kill(); err != nil {
		return err
	}
	next, err := process.Start(o)
	if err != nil {
		return err
	}
	node = next
	if err := untilWatched(ctx, node, recovered); err != nil {
		return err
	}
	b.add("node agent killed with 1,000 running tasks, to watching all", time.Since(node.Started).Seconds(),
		budget{unit: "s", must: 5, aims: 1, required: true})
	return nil
}

// endTasks ends the job and waits until nothing of it runs.
func endTasks(ctx context.Context, server, node *process.Agent, job string) error {
	if _, err := server.Client.Jobs.Stop(ctx, job, false, client.Query{}); err != nil {
		return err
	}
	return untilWatched(ctx, node, 0)
}

// untilWatched waits until a node agent has so many tasks of which its driver says what
// they use: it knows them, and they run.
func untilWatched(ctx context.Context, node *process.Agent, count int) error {
	return until(ctx, "the node's tasks", func() (bool, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, node.Client.Address()+"/v1/metrics", http.NoBody)
		if err != nil {
			return false, err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return false, nil // not listening yet
		}
		var metrics struct{ Gauges []api.Gauge }
		err = json.NewDecoder(resp.Body).Decode(&metrics)
		if err = errors.Join(err, resp.Body.Close()); err != nil {
			return false, err
		}
		running := 0
		for _, g := range metrics.Gauges {
			if g.Name == "nomad.client.allocs.memory.rss" {
				running++
			}
		}
		return running == count, nil
	})
}
