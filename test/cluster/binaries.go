package cluster

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const binVar = "DROVER_BIN" // names the folder of the binaries

// Main runs a package's tests with the folder named by DROVER_BIN or, failing that,
// with binaries that it builds, and exits.
func Main(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if os.Getenv(binVar) != "" {
		return m.Run(), nil
	}
	dir, err := os.MkdirTemp("", "drover-bin-*")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for _, name := range []string{"drover", "drover-shim"} {
		build := exec.Command("go", "build", "-o", filepath.Join(dir, name), "github.com/droverhq/drover/cmd/"+name)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return 0, fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
	}
	if err := os.Setenv(binVar, dir); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// Binary is the path of the drover binary.
func Binary() string { return filepath.Join(os.Getenv(binVar), "drover") }
