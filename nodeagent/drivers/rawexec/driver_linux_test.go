package rawexec_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/driver/drivertest"
	"github.com/droverhq/drover/nodeagent/drivers/rawexec"
	"github.com/droverhq/drover/shim"
)

// shimEnv hands the path of the built shim to the agents that the suite starts.
const shimEnv = "DROVER_RAWEXEC_TEST_SHIM"

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == shim.Name {
		shim.Main()
	}
	if os.Getenv(shimEnv) != "" {
		drivertest.Main(m, subject(rawexec.Options{}))
	}
	os.Exit(runWithShim(m))
}

// runWithShim builds the shim for the tests: small and quick as it is, not with the
// race detector and all that test binaries have.
func runWithShim(m *testing.M) int {
	dir, err := os.MkdirTemp("", "drover-shim-")
	if err != nil {
		panic(err)
	}
	defer func() {
		if err := os.RemoveAll(dir); err != nil {
			panic(err)
		}
	}()
	path := filepath.Join(dir, shim.Name)
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", path, "github.com/droverhq/drover/cmd/drover-shim")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("build the shim: %v: %s", err, out))
	}
	if err := os.Setenv(shimEnv, path); err != nil {
		panic(err)
	}
	return m.Run()
}

func newDriver(o rawexec.Options) *rawexec.Driver {
	o.Enabled = true
	o.ShimPath = os.Getenv(shimEnv)
	return rawexec.New(o)
}

func subject(o rawexec.Options) drivertest.Subject {
	shell := func(script string) map[string]any {
		return map[string]any{"command": "/bin/sh", "args": []any{"-c", script}}
	}
	return drivertest.Subject{
		New: func() (driver.Driver, error) { return newDriver(o), nil },
		Ends: func(after time.Duration, code int) map[string]any {
			return shell(fmt.Sprintf("sleep %f; exit %d", after.Seconds(), code))
		},
		Wrong:       map[string]any{"comand": "/bin/sh"},
		Unstartable: map[string]any{"command": "/no/such/program"},
		Shell:       shell,
		Outlives:    true,
	}
}

func TestDriver(t *testing.T) {
	drivertest.Run(t, subject(rawexec.Options{}))
}

func TestDriverWithoutControlGroups(t *testing.T) {
	s := subject(rawexec.Options{NoCgroups: true})
	s.Outlives = false // the agents of the suite have the options of TestMain
	drivertest.Run(t, s)
}
