package drivertest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/droverhq/drover/nodeagent/driver"
)

// patience is how long the suite waits for what should take milliseconds.
const patience = 60 * time.Second

// Subject is a driver under test.
type Subject struct {
	// New returns a driver as a node agent that was just started has it.
	New func() (driver.Driver, error)
	// Ends returns the config of a task that ends with the exit code after a while.
	Ends func(after time.Duration, code int) map[string]any
	// Wrong is a config that Validate refuses.
	Wrong map[string]any
	// Unstartable is a config that Validate accepts and Start fails with; nil if there
	// is no such thing.
	Unstartable map[string]any
	// Shell returns the config of a task whose process is /bin/sh -c SCRIPT, on this
	// machine; nil if the driver runs no such processes.
	Shell func(script string) map[string]any
	// Adapt changes a task that the suite is about to start, so that its process finds
	// the task's directory, which it is to work in, and this machine's programs; nil if
	// that is so of itself.
	Adapt func(task *driver.Task)
	// Adds are variables that tasks have beside those that they were given.
	Adds []string
	// Costly says that to start a task takes a good part of a second of CPU time: the suite
	// then starts fewer.
	Costly bool
	// Outlives says that tasks outlive a node agent that is killed. Needs Shell and Main.
	Outlives bool
}

// Run runs the suite.
func Run(t *testing.T, s Subject) {
	t.Run("Contract", func(t *testing.T) { runAll(t, s, contract) })
	if s.Shell != nil {
		t.Run("Processes", func(t *testing.T) { runAll(t, s, processes) })
		if _, ok := newBench(t, s).driver.(driver.Executor); ok {
			t.Run("Commands", func(t *testing.T) { runAll(t, s, commands) })
		}
	}
	if s.Outlives {
		t.Run("Survival", func(t *testing.T) { runAll(t, s, survival) })
	}
}

type check struct {
	name string
	run  func(t *testing.T, b *bench)
}

func runAll(t *testing.T, s Subject, checks []check) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, newBench(t, s))
		})
	}
}

// bench is a driver and a directory for one check.
type bench struct {
	t       *testing.T
	ctx     context.Context
	subject Subject
	driver  driver.Driver
	dir     string
}

func newBench(t *testing.T, s Subject) *bench {
	t.Helper()
	d, err := s.New()
	if err != nil {
		t.Fatalf("new driver: %v", err)
	}
	limit := patience
	if s.Costly {
		limit *= 3
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return &bench{t: t, ctx: ctx, subject: s, driver: d, dir: t.TempDir()}
}

// task describes a task in a new allocation.
func (b *bench) task(config map[string]any) driver.Task {
	b.t.Helper()
	task, err := newTask(b.dir, config)
	if err != nil {
		b.t.Fatal(err)
	}
	if b.subject.Adapt != nil {
		b.subject.Adapt(&task)
	}
	return task
}

func newTask(root string, config map[string]any) (driver.Task, error) {
	alloc := uuid.NewString()
	dir := filepath.Join(root, alloc)
	task := driver.Task{
		ID: alloc + "/main/1", AllocID: alloc, JobID: "job", JobName: "job", GroupName: "group", Name: "main",
		Config:   config,
		Env:      map[string]string{"NOMAD_ALLOC_ID": alloc, "NOMAD_TASK_NAME": "main", "PATH": os.Getenv("PATH")},
		Dir:      filepath.Join(dir, "main"),
		StateDir: filepath.Join(dir, "state", "main"),
		AllocDir: filepath.Join(dir, "alloc"),
		Stdout:   driver.LogFile{Dir: filepath.Join(dir, "logs"), Prefix: "main.stdout", MaxFiles: 3, MaxBytes: 1 << 20},
		Stderr:   driver.LogFile{Dir: filepath.Join(dir, "logs"), Prefix: "main.stderr", MaxFiles: 3, MaxBytes: 1 << 20},
	}
	for _, d := range []string{task.Dir, task.AllocDir, task.Stdout.Dir} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return driver.Task{}, err
		}
	}
	return task, nil
}

func (b *bench) start(task driver.Task) driver.Handle {
	b.t.Helper()
	h, err := b.driver.Start(b.ctx, task)
	if err != nil {
		b.t.Fatalf("start: %v", err)
	}
	// What a failed check leaves must not outlive it.
	b.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := b.driver.Destroy(ctx, h); err != nil {
			b.t.Errorf("destroy: %v", err)
		}
	})
	return h
}

func (b *bench) wait(h driver.Handle) driver.ExitResult {
	b.t.Helper()
	result, err := b.driver.Wait(b.ctx, h)
	if err != nil {
		b.t.Fatalf("wait: %v", err)
	}
	return result
}

func (b *bench) stop(h driver.Handle, signal string, grace time.Duration) {
	b.t.Helper()
	if err := b.driver.Stop(b.ctx, h, signal, grace); err != nil {
		b.t.Fatalf("stop: %v", err)
	}
}

// run runs a script to its end and returns what it said.
func (b *bench) run(script string) (driver.ExitResult, string) {
	b.t.Helper()
	task := b.task(b.subject.Shell(script))
	result := b.wait(b.start(task))
	return result, b.output(task.Stdout)
}

// output returns what is kept of an output, oldest first.
func (b *bench) output(f driver.LogFile) string {
	b.t.Helper()
	var text strings.Builder
	for _, name := range logFiles(b.t, f) {
		content, err := os.ReadFile(name)
		if err != nil {
			b.t.Fatal(err)
		}
		text.Write(content)
	}
	return text.String()
}

// never is long enough for a task that must be stopped.
const never = 10 * time.Minute
