package main_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/drivers/rawexec"
	"github.com/droverhq/drover/shim"
)

// maxRSS is the budget for what a running task costs outside the task itself. The
// shim is nearly all of it.
const maxRSS = 4 << 10 // KiB

// build builds the program as it is shipped, and returns a driver that uses it.
func build(tb testing.TB) *rawexec.Driver {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), shim.Name)
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("build: %v: %s", err, out)
	}
	return rawexec.New(rawexec.Options{Plugin: rawexec.Plugin{Enabled: true}, ShimPath: path})
}

// task describes a task in a directory of its own below root.
func task(tb testing.TB, root string, command ...string) driver.Task {
	tb.Helper()
	id := uuid.NewString()
	dir := filepath.Join(root, id)
	if err := os.Mkdir(dir, 0o755); err != nil {
		tb.Fatal(err)
	}
	args := make([]any, len(command)-1)
	for i, arg := range command[1:] {
		args[i] = arg
	}
	return driver.Task{
		ID: id, Config: map[string]any{"command": command[0], "args": args},
		Dir: dir, StateDir: filepath.Join(dir, "state"),
		Stdout: driver.LogFile{Dir: dir, Prefix: "stdout"},
		Stderr: driver.LogFile{Dir: dir, Prefix: "stderr"},
	}
}

func TestAShimIsSmallAlsoAfterAFlood(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	d := build(t)
	k := task(t, t.TempDir(), "/bin/sh", "-c", "head -c 50000000 /dev/zero; touch flooded; exec sleep 1000")
	h, err := d.Start(ctx, k)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.Destroy(context.Background(), h); err != nil {
			t.Error(err)
		}
	}()
	started, err := shim.ReadStarted(k.StateDir)
	if err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(filepath.Join(k.Dir, "flooded")); err == nil {
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("the task is held up")
		}
	}
	if rss := statusOf(t, started.ShimPID, "VmRSS"); rss > maxRSS {
		t.Errorf("%d KiB, the budget is %d", rss, maxRSS)
	} else {
		t.Logf("%d KiB", rss)
	}
}

// statusOf returns a figure in KiB of /proc/PID/status.
func statusOf(t *testing.T, pid int, name string) int {
	t.Helper()
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			n, err := strconv.Atoi(strings.Fields(value)[0])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("%s is not in the status", name)
	return 0
}

// BenchmarkStart starts one task after the other.
func BenchmarkStart(b *testing.B) {
	d, root := build(b), b.TempDir()
	ctx := context.Background()
	var handles []driver.Handle
	for b.Loop() {
		h, err := d.Start(ctx, task(b, root, "sleep", "1000"))
		if err != nil {
			b.Fatal(err)
		}
		handles = append(handles, h)
	}
	for _, h := range handles {
		if err := d.Destroy(ctx, h); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLife runs tasks from start to destruction, several at a time.
func BenchmarkLife(b *testing.B) {
	d, root := build(b), b.TempDir()
	ctx := context.Background()
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			h, err := d.Start(ctx, task(b, root, "true"))
			if err != nil {
				b.Fatal(err)
			}
			if result, err := d.Wait(ctx, h); err != nil || !result.Successful() {
				b.Fatal(result, err)
			}
			if err := d.Destroy(ctx, h); err != nil {
				b.Fatal(err)
			}
		}
	})
}
