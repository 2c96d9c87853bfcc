package wasm_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/driver/drivertest"
	"github.com/droverhq/drover/nodeagent/drivers/held/heldtest"
	"github.com/droverhq/drover/nodeagent/drivers/isolated"
	"github.com/droverhq/drover/nodeagent/drivers/wasm"
	"github.com/droverhq/drover/nodeagent/drivers/wasm/runner"
)

func TestMain(m *testing.M) {
	heldtest.Main(m, func() drivertest.Subject { return drivertest.Subject{} })
}

// build builds a program once for all tests.
func build(t testing.TB, once *sync.Once, name, pkg string, env ...string) string {
	t.Helper()
	path := filepath.Join(filepath.Dir(heldtest.ShimPath()), name)
	once.Do(func() {
		cmd := exec.Command("go", "build", "-ldflags", "-s -w", "-o", path, pkg)
		cmd.Env = append(os.Environ(), env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v: %s", pkg, err, out)
		}
	})
	return path
}

var runnerBuilt, programBuilt sync.Once

func runnerPath(t testing.TB) string {
	return build(t, &runnerBuilt, runner.Name, "github.com/droverhq/drover/cmd/drover-wasm", "CGO_ENABLED=0")
}

// program is the Go program of testdata, as a module.
func program(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile(build(t, &programBuilt, "program.wasm", "./testdata/program", "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func newDriver(t testing.TB, cache string) *wasm.Driver {
	t.Helper()
	p, err := isolated.ParsePlugin(wasm.Name, nil)
	if err != nil {
		t.Fatal(err)
	}
	d := wasm.New(wasm.Options{
		Isolated: isolated.Options{Plugin: p, ShimPath: heldtest.ShimPath(), Cgroup: "drover-test-wasm"},
		CacheDir: cache, RunnerPath: runnerPath(t),
	})
	if info := d.Fingerprint(t.Context()); !info.Healthy {
		t.Skipf("not run: the driver wasm does not work here: %s", info.HealthDescription)
	}
	return d
}

// task is a task that runs a module.
func task(t testing.TB, module []byte, config map[string]any) driver.Task {
	t.Helper()
	made := heldtest.NewTask(t, "")
	made.AllocDir = filepath.Join(filepath.Dir(made.Dir), "alloc")
	for _, dir := range []string{made.AllocDir, filepath.Join(made.Dir, "local"), filepath.Join(made.Dir, "secrets")} {
		if err := os.Mkdir(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(made.Dir, "local", "m.wasm"), module, 0o644); err != nil {
		t.Fatal(err)
	}
	made.Config = map[string]any{"module_path": "local/m.wasm"}
	for key, value := range config {
		made.Config[key] = value
	}
	return made
}

// end runs a task to its end and returns what it said.
func end(t *testing.T, d driver.Driver, made driver.Task) (result driver.ExitResult, stdout, stderr string) {
	t.Helper()
	result, err := d.Wait(heldtest.Context(t), heldtest.Start(t, d, made))
	if err != nil {
		t.Fatal(err)
	}
	return result, said(t, made.Stdout), said(t, made.Stderr)
}

func said(t *testing.T, f driver.LogFile) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(f.Dir, f.Prefix+".0"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(b)
}

// TestDriver runs the suite: its tasks find their modules, one for each length and exit
// code, in a directory of the node that is mounted.
func TestDriver(t *testing.T) {
	cache, modules := t.TempDir(), t.TempDir()
	newDriver(t, cache)
	if err := os.Chmod(modules, 0o755); err != nil {
		t.Fatal(err)
	}
	drivertest.Run(t, drivertest.Subject{
		New: func() (driver.Driver, error) { return mounting{newDriver(t, cache), modules}, nil },
		Ends: func(after time.Duration, code int) map[string]any {
			name := fmt.Sprintf("%v-%d.wasm", after, code)
			if err := os.WriteFile(filepath.Join(modules, name), ending(after, code), 0o644); err != nil {
				t.Fatal(err)
			}
			return map[string]any{"module_path": "/modules/" + name}
		},
		Wrong:       map[string]any{"module": "x.wasm"},
		Unstartable: map[string]any{"module_path": "/modules/none.wasm"},
	})
}

func TestAProgramSeesWhatItIsGiven(t *testing.T) {
	d := newDriver(t, t.TempDir())
	made := task(t, program(t), map[string]any{
		"args": []any{"args", "env=GIVEN", "env=NOMAD_TASK_NAME", "env=GOGC", "stdin", "complain=oh", "write=/local/out", "write=/alloc/out", "read=/alloc/out"},
		"env":  map[string]any{"GIVEN": "yes"},
	})
	result, stdout, stderr := end(t, d, made)
	want := "args " + fmt.Sprintf("%q", made.Config["args"]) + "\nenv GIVEN yes true\nenv NOMAD_TASK_NAME main true\nenv GOGC  false\nstdin \"\"\nread \"written\"\n"
	if !result.Successful() || stdout != want || stderr != "oh\n" {
		t.Errorf("result %+v, it said\n%s, want\n%sand %q", result, stdout, want, stderr)
	}
	for _, file := range []string{filepath.Join(made.Dir, "local", "out"), filepath.Join(made.AllocDir, "out")} {
		if b, err := os.ReadFile(file); err != nil || string(b) != "written" {
			t.Errorf("%s: %q, %v", file, b, err)
		}
	}
}

func TestAProgramSeesNothingElse(t *testing.T) {
	d := newDriver(t, t.TempDir())
	made := task(t, program(t), map[string]any{
		"args": []any{"list=/", "list=/etc", "read=/proc/self/environ", "read=/.drover/report", "read=/local/../.drover/report", "list=/alloc", "write=/kept/x"},
		"dirs": []any{"/local"},
	})
	kept := t.TempDir()
	made.Mounts = []driver.Mount{{Source: kept, Target: "/kept"}}
	_, stdout, _ := end(t, d, made)
	for line := range strings.Lines(stdout) {
		if !strings.HasPrefix(line, "list: ") && !strings.HasPrefix(line, "read: ") && !strings.HasPrefix(line, "write: ") && line != "read \"\"\n" {
			t.Errorf("it saw %q", line)
		}
	}
	if entries, err := os.ReadDir(kept); err != nil || len(entries) > 0 {
		t.Errorf("it wrote %v, %v", entries, err)
	}
}

func TestMountsOfATaskAreSeen(t *testing.T) {
	d := newDriver(t, t.TempDir())
	kept := t.TempDir()
	if err := os.WriteFile(filepath.Join(kept, "data"), []byte("kept"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(kept, 0o777); err != nil {
		t.Fatal(err)
	}
	made := task(t, program(t), map[string]any{"args": []any{"read=/kept/data", "write=/kept/new"}})
	made.Mounts = []driver.Mount{{Source: kept, Target: "/kept", ReadOnly: true}}
	_, stdout, _ := end(t, d, made)
	if !strings.HasPrefix(stdout, "read \"kept\"\nwrite: ") {
		t.Errorf("it said %q", stdout)
	}
}

func TestATrapIsExplained(t *testing.T) {
	d := newDriver(t, t.TempDir())
	result, _, stderr := end(t, d, task(t, assemble("_start", nil, opUnreachable), nil))
	if result.ExitCode != 134 || !strings.Contains(result.Err, "unreachable") || strings.Contains(result.Err, "stack trace") {
		t.Errorf("result %+v", result)
	}
	if !strings.Contains(stderr, "wasm stack trace") {
		t.Errorf("it said %q", stderr)
	}
}

func TestAPanicIsTheProgramsOwnToExplain(t *testing.T) {
	d := newDriver(t, t.TempDir())
	result, _, stderr := end(t, d, task(t, program(t), map[string]any{"args": []any{"panic=no way"}}))
	if result.ExitCode != 2 || result.Err != "" || !strings.Contains(stderr, "panic: no way") {
		t.Errorf("result %+v, it said %q", result, stderr)
	}
}

func TestAnExitCodeThatNoProcessCanHaveIsNoSuccess(t *testing.T) {
	d := newDriver(t, t.TempDir())
	result, _, _ := end(t, d, task(t, ending(0, 256), nil))
	if result.ExitCode != 255 || !strings.Contains(result.Err, "256") {
		t.Errorf("result %+v", result)
	}
}

func TestALoopIsEndedByASignal(t *testing.T) {
	d := newDriver(t, t.TempDir())
	spin := assemble("_start", nil, opLoop, blockOfNone, opBranch, 0, opEnd)
	for signal, number := range map[string]int{"SIGTERM": 15, "SIGINT": 2, "SIGHUP": 1, "SIGKILL": 9} {
		h := heldtest.Start(t, d, task(t, spin, nil))
		if err := d.Stop(heldtest.Context(t), h, signal, time.Minute); err != nil {
			t.Fatal(err)
		}
		result, err := d.Wait(heldtest.Context(t), h)
		if err != nil || result.Signal != number || result.ExitCode != 128+number {
			t.Errorf("%s: %+v, %v", signal, result, err)
		}
	}
	made := task(t, program(t), map[string]any{"args": []any{"args", "sleep"}})
	h := heldtest.Start(t, d, made)
	heldtest.AwaitFile(t, filepath.Join(made.Stdout.Dir, made.Stdout.Prefix+".0"), "args")
	if err := d.Stop(heldtest.Context(t), h, "SIGQUIT", time.Minute); err != nil {
		t.Fatal(err)
	}
	if result, err := d.Wait(heldtest.Context(t), h); err != nil || result.ExitCode != 128+3 || said(t, made.Stderr) != "" {
		t.Errorf("SIGQUIT: %+v, %v; it said %q", result, err, said(t, made.Stderr))
	}
}

func TestMemoryIsWhatTheTaskHas(t *testing.T) {
	d := newDriver(t, t.TempDir())
	made := task(t, program(t), map[string]any{"args": []any{"take"}})
	made.Resources = api.AllocatedTaskResources{Memory: api.AllocatedMemoryResources{MemoryMB: 64}}
	result, _, stderr := end(t, d, made)
	// It is told that there is none, or was killed: nothing else.
	if !result.OOMKilled && (result.ExitCode != 2 || !strings.Contains(stderr, "out of memory")) {
		t.Errorf("result %+v, it said %.300q", result, stderr)
	}
}

func TestWhatIsNoProgramIsNotStarted(t *testing.T) {
	d := newDriver(t, t.TempDir())
	outside := filepath.Join(t.TempDir(), "m.wasm")
	if err := os.WriteFile(outside, ending(0, 0), 0o644); err != nil {
		t.Fatal(err)
	}
	linked := task(t, nil, map[string]any{"module_path": "local/link.wasm"})
	if err := os.Symlink(outside, filepath.Join(linked.Dir, "local", "link.wasm")); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		task driver.Task
		says string
	}{
		"text":                   {task(t, []byte("#!/bin/sh\n"), nil), "not a WebAssembly module"},
		"a library":              {task(t, assemble("add", nil), nil), "exports no function \"_start\""},
		"nothing":                {task(t, nil, map[string]any{"module_path": "local/none.wasm"}), "no such file"},
		"a directory":            {task(t, nil, map[string]any{"module_path": "local"}), "not a file"},
		"a link out of the task": {linked, "no such file"},
		"a path out of the task": {task(t, nil, map[string]any{"module_path": "../../../../.." + outside}), "no such file"},
	} {
		_, err := d.Start(heldtest.Context(t), c.task)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnImportThatIsNotThereIsExplained(t *testing.T) {
	d := newDriver(t, t.TempDir())
	module := bytes.Replace(ending(0, 0), []byte("proc_exit"), []byte("proc_exot"), 1)
	if result, _, _ := end(t, d, task(t, module, nil)); result.Successful() || !strings.Contains(result.Err, "proc_exot") {
		t.Errorf("result %+v", result)
	}
}

func TestAModuleIsTranslatedOnceForAllTasks(t *testing.T) {
	cache := t.TempDir()
	for range 3 { // agents
		d := newDriver(t, cache)
		for range 2 {
			if result, _, _ := end(t, d, task(t, ending(0, 0), nil)); !result.Successful() {
				t.Fatalf("result %+v", result)
			}
		}
	}
	modules, err := os.ReadDir(cache)
	if err != nil || len(modules) != 1 {
		t.Fatalf("the cache has %v, %v", modules, err)
	}
	var files []string
	err = filepath.WalkDir(cache, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) != 1 {
		t.Errorf("the cache has %q, %v", files, err)
	}
}

// mounting is a driver that mounts a directory into its tasks.
type mounting struct {
	*wasm.Driver
	modules string
}

func (m mounting) Start(ctx context.Context, made driver.Task) (driver.Handle, error) {
	made.Mounts = []driver.Mount{{Source: m.modules, Target: "/modules", ReadOnly: true}}
	return m.Driver.Start(ctx, made)
}
