package heldtest

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

// NewTask describes a task that runs a script in a new directory, which other users
// may write.
func NewTask(t testing.TB, script string) driver.Task {
	t.Helper()
	root, alloc := t.TempDir(), uuid.NewString()
	for _, dir := range []string{root, filepath.Dir(root)} { // for tasks of other users
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	task := driver.Task{
		ID: alloc + "/main/1", AllocID: alloc, Name: "main",
		Config:   Shell(script),
		Env:      map[string]string{"NOMAD_ALLOC_ID": alloc, "NOMAD_TASK_NAME": "main", "PATH": os.Getenv("PATH")},
		Dir:      filepath.Join(root, "main"),
		StateDir: filepath.Join(root, "state"),
		Stdout:   driver.LogFile{Dir: root, Prefix: "out"},
		Stderr:   driver.LogFile{Dir: root, Prefix: "err"},
	}
	if err := os.MkdirAll(task.Dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return task
}

// Context ends after more time than any test takes.
func Context(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// Start starts a task that is destroyed after the test.
func Start(t testing.TB, d driver.Driver, task driver.Task) driver.Handle {
	t.Helper()
	h, err := d.Start(Context(t), task)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	t.Cleanup(func() {
		if err := d.Destroy(context.Background(), h); err != nil {
			t.Errorf("destroy: %v", err)
		}
	})
	return h
}

// AwaitFile waits until a file has some content, and returns all of it.
func AwaitFile(t testing.TB, path, want string) string {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for ctx := Context(t); ; {
		b, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(b), want) {
			return string(b)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain for %q in %s: %q, %v", want, path, b, err)
		}
	}
}
