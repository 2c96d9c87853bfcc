package children_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/driver/drivertest"
	"github.com/droverhq/drover/nodeagent/drivers/children"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shell is a driver that runs scripts.
type shell struct{ *children.Holder }

func newShell() shell {
	return shell{children.New("shell", func(t driver.Task) (*exec.Cmd, error) {
		script, ok := t.Config["script"].(string)
		if !ok {
			return nil, wrong()
		}
		cmd := exec.Command("/bin/sh", "-c", script)
		cmd.Dir = t.Dir
		for name, value := range t.Env {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		return cmd, nil
	})}
}

func wrong() error {
	invalid := &api.InvalidError{What: "config"}
	invalid.Add("script", "is missing")
	return invalid
}

func (shell) Fingerprint(context.Context) api.DriverInfo {
	return api.DriverInfo{Detected: true, Healthy: true, Attributes: map[string]string{"driver.shell": "true"}}
}

func (shell) Validate(config map[string]any) error {
	if _, ok := config["script"].(string); !ok {
		return wrong()
	}
	return nil
}

func script(text string) map[string]any { return map[string]any{"script": text} }

func TestConformance(t *testing.T) {
	machine := newShell()
	drivertest.Run(t, drivertest.Subject{
		New: func() (driver.Driver, error) { return machine, nil },
		Ends: func(after time.Duration, code int) map[string]any {
			return script(fmt.Sprintf("sleep %.3f; exit %d", after.Seconds(), code))
		},
		Wrong: map[string]any{"script": 7},
		// No Shell: processes that leave their session are lost where there is nothing but sessions.
	})
}

func TestOutputIsRotatedAtTheEndsOfLines(t *testing.T) {
	ctx, dir, machine := t.Context(), t.TempDir(), newShell()
	out := driver.LogFile{Dir: dir, Prefix: "t.stdout", MaxFiles: 2, MaxBytes: 1000}
	h, err := machine.Start(ctx, driver.Task{ID: "a", Config: script("seq -f 'line %g' 1 1000"), Env: map[string]string{"PATH": os.Getenv("PATH")}, Dir: dir, StateDir: filepath.Join(dir, "state"), Stdout: out})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := machine.Wait(ctx, h); err != nil || !r.Successful() {
		t.Fatalf("%+v, %v", r, err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "t.stdout.*"))
	if err != nil || len(files) != 2 {
		t.Fatalf("files %v, %v", files, err)
	}
	var text string
	for _, name := range files { // of two digits, so that they are in order
		b, err := os.ReadFile(name)
		if err != nil || int64(len(b)) > out.MaxBytes {
			t.Errorf("%s has %d bytes, %v", name, len(b), err)
		}
		text += string(b)
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i, line := range lines {
		if want := fmt.Sprintf("line %d", 1000-len(lines)+1+i); line != want {
			t.Fatalf("%q, want %q", line, want)
		}
	}
	if err := machine.Destroy(ctx, h); err != nil {
		t.Error(err)
	}
}

func TestWhatAnEarlierAgentLeftIsKilled(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	first, second := newShell(), newShell()
	h, err := first.Start(ctx, driver.Task{ID: "a", Config: script("sleep 1000 & wait"), Dir: dir, StateDir: dir, Stdout: driver.LogFile{Disabled: true}})
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Recover(ctx, h); !errors.Is(err, driver.ErrTaskGone) {
		t.Errorf("got %v", err)
	}
	if r, err := first.Wait(ctx, h); err != nil || r.Signal != 9 {
		t.Errorf("it ended with %+v, %v", r, err)
	}
	if err := second.Destroy(ctx, h); err != nil { // nothing is there any more
		t.Error(err)
	}
}
