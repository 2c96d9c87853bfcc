package docker_test

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/drivers/docker"
)

// bench is a driver and a directory for one test.
type bench struct {
	t      *testing.T
	ctx    context.Context
	engine *engine
	driver *docker.Driver
	dir    string
}

// newBench returns a driver with a configuration of its own; nil: one that lets tasks
// have directories of the node.
func newBench(t *testing.T, plugin map[string]any) *bench {
	t.Helper()
	e := theEngine(t)
	if plugin == nil {
		plugin = map[string]any{"volumes": map[string]any{"enabled": true}, "gc": map[string]any{"image": false}}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	b := &bench{t: t, ctx: ctx, engine: e, dir: t.TempDir()}
	o := configure(plugin)
	o.Dir = filepath.Join(b.dir, "agent")
	b.driver = b.open(o)
	return b
}

func (b *bench) open(o docker.Options) *docker.Driver {
	d := docker.New(o)
	b.t.Cleanup(func() {
		if err := d.Close(); err != nil {
			b.t.Errorf("close the driver: %v", err)
		}
	})
	return d
}

// task describes a task that runs a script, with more in its config.
func (b *bench) task(script string, more map[string]any) driver.Task {
	b.t.Helper()
	alloc := uuid.NewString()
	dir := filepath.Join(b.dir, alloc[:8])
	logs := filepath.Join(dir, "alloc", "logs")
	config := map[string]any{"image": shell, "command": "/bin/sh", "args": []any{"-c", script}, "network_mode": "none"}
	task := driver.Task{
		ID: alloc + "/main/1", AllocID: alloc, JobID: "shop", JobName: "shop", GroupName: "web", Name: "main", Namespace: "default",
		NodeID: "node-1", NodeName: "node", Config: config, Env: map[string]string{"NOMAD_ALLOC_ID": alloc},
		Dir: filepath.Join(dir, "main"), AllocDir: filepath.Join(dir, "alloc"), SecretsDir: filepath.Join(dir, "main", "secrets"),
		StateDir: filepath.Join(dir, "state"),
		Stdout:   driver.LogFile{Dir: logs, Prefix: "main.stdout", MaxFiles: 3, MaxBytes: 1 << 20},
		Stderr:   driver.LogFile{Dir: logs, Prefix: "main.stderr", MaxFiles: 3, MaxBytes: 1 << 20},
		Mounts:   []driver.Mount{{Source: "/usr", Target: "/usr", ReadOnly: true}},
	}
	maps.Copy(config, more)
	for _, d := range []string{logs, filepath.Join(task.Dir, "local"), task.SecretsDir} {
		if err := os.MkdirAll(d, 0o777); err != nil {
			b.t.Fatal(err)
		}
	}
	return task
}

func (b *bench) start(task driver.Task) driver.Handle {
	b.t.Helper()
	h, err := b.driver.Start(b.ctx, task)
	if err != nil {
		b.t.Fatalf("start: %v", err)
	}
	b.t.Cleanup(func() { b.destroy(h) })
	return h
}

func (b *bench) destroy(h driver.Handle) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := b.driver.Destroy(ctx, h); err != nil {
		b.t.Errorf("destroy: %v", err)
	}
}

func (b *bench) wait(h driver.Handle) driver.ExitResult {
	b.t.Helper()
	result, err := b.driver.Wait(b.ctx, h)
	if err != nil {
		b.t.Fatalf("wait: %v", err)
	}
	return result
}

// run runs a task to its end and returns what it said; it has to succeed.
func (b *bench) run(task driver.Task) string {
	b.t.Helper()
	result := b.wait(b.start(task))
	out := b.output(task.Stdout)
	if !result.Successful() {
		b.t.Fatalf("result %+v, said %q, %q", result, out, b.output(task.Stderr))
	}
	return out
}

// output returns what there is of an output, of less than ten files.
func (b *bench) output(f driver.LogFile) string {
	b.t.Helper()
	names, err := filepath.Glob(filepath.Join(f.Dir, f.Prefix+".[0-9]"))
	if err != nil {
		b.t.Fatal(err)
	}
	var text strings.Builder
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			b.t.Fatal(err)
		}
		text.Write(content)
	}
	return text.String()
}

func (b *bench) awaitOutput(task driver.Task, want string) {
	b.t.Helper()
	b.await("output "+want, func() bool { return strings.Contains(b.output(task.Stdout), want) })
}

// await waits until something holds that tells nobody of its changes.
func (b *bench) await(what string, holds func() bool) {
	b.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-b.ctx.Done():
			b.t.Fatalf("waited in vain for %s", what)
		}
	}
}

func (b *bench) inspect(h driver.Handle) container.InspectResponse {
	b.t.Helper()
	got, err := b.engine.cli.ContainerInspect(b.ctx, string(h.State), client.ContainerInspectOptions{})
	if err != nil {
		b.t.Fatal(err)
	}
	return got.Container
}

func (b *bench) stop(h driver.Handle) {
	b.t.Helper()
	if err := b.driver.Stop(b.ctx, h, "SIGKILL", 0); err != nil {
		b.t.Fatalf("stop: %v", err)
	}
}
