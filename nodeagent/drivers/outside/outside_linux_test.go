package outside_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/testr"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/driver/drivertest"
	"github.com/droverhq/drover/nodeagent/drivers/held/heldtest"
	"github.com/droverhq/drover/nodeagent/drivers/outside"
)

func TestMain(m *testing.M) {
	if file := os.Getenv(agentEnv); file != "" {
		fmt.Fprintln(os.Stderr, playAgent(file))
		os.Exit(1)
	}
	heldtest.Main(m, func() drivertest.Subject { return drivertest.Subject{} })
}

var sampleBuilt sync.Once

// sample builds the sample driver, once, and returns its path.
func sample(t testing.TB) string {
	t.Helper()
	path := filepath.Join(filepath.Dir(heldtest.ShimPath()), "plugins", "drover-driver-sample")
	sampleBuilt.Do(func() {
		if out, err := exec.Command("go", "build", "-o", path, "github.com/droverhq/drover/test/sampledriver").CombinedOutput(); err != nil {
			t.Fatalf("build the sample driver: %v: %s", err, out)
		}
	})
	return path
}

func options(t testing.TB, config map[string]any) outside.Options {
	t.Helper()
	run, err := os.MkdirTemp("", "drover-outside-") // a short path: sockets are in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(run); err != nil {
			t.Error(err)
		}
	})
	return outside.Options{
		Dir: filepath.Dir(sample(t)), RunDir: run, ShimPath: heldtest.ShimPath(), Log: logr.Discard(),
		Plugins: map[string]outside.Plugin{"sample": {Config: config}},
	}
}

func newDriver(t testing.TB) *outside.Driver {
	t.Helper()
	d, err := outside.New(options(t, nil), sample(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// tasks is what the suite is to see of a driver: the sample's commands have no
// terminals, and so are tested here.
type tasks interface {
	driver.Driver
	driver.Finder
	driver.Signaler
	driver.Statter
	driver.Rooter
}

type withoutCommands struct{ tasks }

func TestTheSampleDriver(t *testing.T) {
	drivertest.Run(t, drivertest.Subject{
		New: func() (driver.Driver, error) { return withoutCommands{newDriver(t)}, nil },
		Ends: func(after time.Duration, code int) map[string]any {
			return heldtest.Shell(fmt.Sprintf("sleep %f; exit %d", after.Seconds(), code))
		},
		Wrong:       map[string]any{"comand": "/bin/sh"},
		Unstartable: map[string]any{"command": "/no/such/program"},
		Shell:       heldtest.Shell,
	})
}

func TestProgramsAreDiscovered(t *testing.T) {
	o := options(t, map[string]any{"greeting": "hi"})
	o.Log = testr.New(t)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"not-a-driver": "#!/bin/sh\necho hello\nsleep 60\n", "ends": "#!/bin/sh\nexit 3\n", "notes.txt": "",
	} {
		mode := os.FileMode(0o755)
		if text == "" {
			mode = 0o644
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(sample(t), filepath.Join(dir, "drover-driver-sample")); err != nil {
		t.Fatal(err)
	}
	o.Dir = dir
	found, err := outside.Discover(o, []string{"exec"})
	if err != nil || len(found) != 1 {
		t.Fatalf("discovered %v, %v", found, err)
	}
	defer found[0].(interface{ Close() }).Close()
	info := found[0].Fingerprint(heldtest.Context(t))
	if found[0].Name() != "sample" || info.Attributes["driver.sample.greeting"] != "hi" {
		t.Errorf("%s: %+v", found[0].Name(), info)
	}
	if _, mounts := found[0].(driver.Mounter); mounts {
		t.Error("it says that it does not mount")
	}
	if taken, err := outside.Discover(o, []string{"sample"}); err != nil || len(taken) > 0 {
		t.Errorf("with a driver of that name: %v, %v", taken, err)
	}
	o.Dir = filepath.Join(dir, "none")
	if none, err := outside.Discover(o, nil); err != nil || len(none) > 0 {
		t.Errorf("without a directory: %v, %v", none, err)
	}
}

func TestWrongSettingsOfAProgramAreSaid(t *testing.T) {
	_, err := outside.New(options(t, map[string]any{"greting": "hi"}), sample(t))
	var invalid *api.InvalidError
	if !errors.As(err, &invalid) || !strings.Contains(err.Error(), "greting") {
		t.Errorf("%v", err)
	}
}

func TestAProgramThatDiedIsStartedAgainAndFindsItsTasks(t *testing.T) {
	d := newDriver(t)
	task := heldtest.NewTask(t, "echo before; while [ ! -e go ]; do sleep 0.01; done; echo after; exit 7")
	h := heldtest.Start(t, d, task)
	log := filepath.Join(task.Stdout.Dir, task.Stdout.Prefix+".0")
	heldtest.AwaitFile(t, log, "before")
	waited := make(chan driver.ExitResult, 1)
	go func() {
		result, err := d.Wait(heldtest.Context(t), h)
		if err != nil {
			t.Errorf("wait: %v", err)
		}
		waited <- result
	}()
	for range 2 {
		killPrograms(t, os.Getpid())
		if info := d.Fingerprint(heldtest.Context(t)); !info.Healthy {
			t.Errorf("fingerprint %+v", info)
		}
	}
	if err := os.WriteFile(filepath.Join(task.Dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if result := <-waited; result.ExitCode != 7 {
		t.Errorf("result %+v", result)
	}
	if b, err := os.ReadFile(log); err != nil || string(b) != "before\nafter\n" {
		t.Errorf("it said %q, %v", b, err)
	}
}

// killPrograms kills the sample drivers that a process has started.
func killPrograms(t *testing.T, parent int) {
	t.Helper()
	for _, pid := range programsOf(t, parent) {
		p, err := os.FindProcess(pid)
		if err == nil {
			err = p.Kill()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// programsOf returns the sample drivers that a process has started.
func programsOf(t *testing.T, parent int) []int {
	t.Helper()
	var pids []int
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", parent))
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range lists {
		children, err := os.ReadFile(list)
		if err != nil {
			continue // the thread has ended
		}
		for word := range strings.FieldsSeq(string(children)) {
			line, err := os.ReadFile("/proc/" + word + "/cmdline")
			if err == nil && bytes.HasPrefix(line, []byte(sample(t)+"\x00")) && !bytes.Contains(line, []byte("hold")) {
				pid, err := strconv.Atoi(word)
				if err != nil {
					t.Fatal(err)
				}
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

func TestCommandsAreRunBesideATask(t *testing.T) {
	d := newDriver(t)
	h := heldtest.Start(t, d, heldtest.NewTask(t, "sleep 1000"))
	var out, complaints bytes.Buffer
	result, err := d.Exec(heldtest.Context(t), h, driver.Command{
		Args:  []string{"/bin/sh", "-c", "cat; echo $NOMAD_TASK_NAME; echo oh >&2; exit 5"},
		Stdin: strings.NewReader("typed "), Stdout: &out, Stderr: &complaints,
	})
	if err != nil || result.ExitCode != 5 || out.String() != "typed main\n" || complaints.String() != "oh\n" {
		t.Errorf("%+v, %v, said %q and %q", result, err, out.String(), complaints.String())
	}
	if _, err := d.Exec(heldtest.Context(t), h, driver.Command{Args: []string{"/bin/sh"}, TTY: true}); err == nil {
		t.Error("it has no terminals")
	}
	ctx, cancel := context.WithCancel(heldtest.Context(t))
	given := make(chan error, 1)
	go func() {
		_, err := d.Exec(ctx, h, driver.Command{Args: []string{"/bin/sh", "-c", "sleep 1000"}})
		given <- err
	}()
	cancel()
	if err := <-given; !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
}

func TestWhatAStartLeftThatNobodyHeardOfIsCleared(t *testing.T) {
	d := newDriver(t)
	task := heldtest.NewTask(t, "sleep 1000")
	h := heldtest.Start(t, d, task)
	// As if the agent had been killed before it kept the handle.
	if err := os.Remove(filepath.Join(task.StateDir, "handle")); err != nil {
		t.Fatal(err)
	}
	if err := d.Stop(heldtest.Context(t), h, "SIGKILL", 0); err != nil {
		t.Fatal(err)
	}
	if found, err := d.Find(heldtest.Context(t), task); !errors.Is(err, driver.ErrTaskGone) {
		t.Errorf("found %+v, %v", found, err)
	}
	if _, err := os.Stat(task.StateDir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("state directory: %v", err)
	}
}
