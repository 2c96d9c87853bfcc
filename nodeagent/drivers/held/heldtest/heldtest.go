// Package heldtest is what the tests of drivers share whose tasks are held by a shim.
package heldtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/droverhq/drover/nodeagent/driver/drivertest"
	"github.com/droverhq/drover/shim"
)

// shimEnv hands the path of the built shim to the agents that the suite starts.
const shimEnv = "DROVER_TEST_SHIM"

// Main is the TestMain of such a driver: it builds the shim, small and quick as it is,
// not with the race detector and all that test binaries have. The test binary itself
// is a shim, too, when it is started as one. It does not return.
func Main(m *testing.M, subject func() drivertest.Subject) {
	if filepath.Base(os.Args[0]) == shim.Name {
		shim.Main()
	}
	if ShimPath() != "" { // a process that the suite has started
		drivertest.Main(m, subject())
	}
	os.Exit(runWithShim(m))
}

// Dir is where the shim is, and all that the tests make.
func Dir() string { return filepath.Dir(ShimPath()) }

// ShimPath is where the shim is that Main has built.
func ShimPath() string { return os.Getenv(shimEnv) }

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
	// All that tests make is there, too: what is left of theirs can be told from what
	// others do on this machine.
	if err := errors.Join(os.Setenv(shimEnv, path), os.Setenv("TMPDIR", dir), os.Chmod(dir, 0o755)); err != nil {
		panic(err)
	}
	return m.Run()
}
