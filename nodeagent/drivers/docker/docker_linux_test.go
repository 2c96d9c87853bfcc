package docker_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/driver/drivertest"
	"github.com/droverhq/drover/nodeagent/drivers/docker"
	"github.com/droverhq/drover/shim"
)

var (
	shared   *engine
	noEngine error
)

// What the tests hand to the agents that the suite starts.
const (
	endpointEnv = "DROVER_DOCKER_TEST_ENDPOINT"
	shimEnv     = "DROVER_DOCKER_TEST_SHIM"
	dirEnv      = "DROVER_DOCKER_TEST_DIR"
)

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == shim.Name {
		shim.Main()
	}
	if os.Getenv(endpointEnv) != "" {
		drivertest.Main(m, subject)
	}
	code, err := runWithEngine(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runWithEngine(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "drover-docker-") // its paths are short: sockets are in it
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, shim.Name)
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", path, "github.com/droverhq/drover/cmd/drover-shim")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build the shim: %w: %s", err, out)
	}
	engineDir := filepath.Join(dir, "engine")
	if err := os.Mkdir(engineDir, 0o700); err != nil {
		return 1, err
	}
	if err := os.Mkdir(filepath.Join(dir, "agent"), 0o700); err != nil {
		return 1, err
	}
	e, err := startEngine(engineDir)
	if errors.Is(err, errNoEngine) {
		noEngine = err
		return m.Run(), nil
	}
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, e.clean()) }()
	for name, value := range map[string]string{endpointEnv: e.endpoint(), shimEnv: path, dirEnv: filepath.Join(dir, "agent")} {
		if err := os.Setenv(name, value); err != nil {
			return 1, err
		}
	}
	if err := e.importImage(shell, bytes.NewReader(shellRoot())); err != nil {
		return 1, err
	}
	shared = e
	return m.Run(), nil
}

// shell is an image in which the programs of this machine run, if its /usr is mounted.
const shell = "drovertest/shell:1"

func shellRoot() []byte {
	var b bytes.Buffer
	archive := tar.NewWriter(&b)
	headers := []tar.Header{
		{Name: "usr/", Mode: 0o755, Typeflag: tar.TypeDir},
		{Name: "tmp/", Mode: 0o777, Typeflag: tar.TypeDir},
		{Name: "etc/", Mode: 0o755, Typeflag: tar.TypeDir},
		{Name: "sbin/", Mode: 0o755, Typeflag: tar.TypeDir}, // the engine puts its docker-init there
	}
	for _, name := range []string{"bin", "lib", "lib64"} {
		headers = append(headers, tar.Header{Name: name, Linkname: "usr/" + name, Typeflag: tar.TypeSymlink, Mode: 0o777})
	}
	for _, h := range headers {
		if err := archive.WriteHeader(&h); err != nil {
			panic(err)
		}
	}
	if err := archive.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// configure returns the options that an agent's configuration stands for.
func configure(config map[string]any) docker.Options {
	o, err := docker.ParseOptions(config)
	if err != nil {
		panic(err)
	}
	o.Endpoint, o.ShimPath, o.Dir = os.Getenv(endpointEnv), os.Getenv(shimEnv), os.Getenv(dirEnv)
	return o
}

var subject = drivertest.Subject{
	New: func() (driver.Driver, error) {
		o := configure(map[string]any{"volumes": map[string]any{"enabled": true}, "gc": map[string]any{"image": false}})
		return docker.New(o), nil
	},
	Ends: func(after time.Duration, code int) map[string]any {
		return shellConfig(fmt.Sprintf("sleep %f & wait $!; exit %d", after.Seconds(), code))
	},
	Shell:       shellConfig,
	Wrong:       map[string]any{"image": shell, "argz": []any{"x"}},
	Unstartable: map[string]any{"image": shell, "command": "/no/such/program"},
	Adapt: func(task *driver.Task) {
		task.Config["work_dir"] = task.Dir
		task.Config["volumes"] = []any{"/usr:/usr:ro", task.Dir + ":" + task.Dir}
	},
	Adds:     []string{"HOSTNAME", "HOME"},
	Costly:   true,
	Outlives: true,
}

// shellConfig is that of a task which is seen, by its process ID, as it sees itself.
func shellConfig(script string) map[string]any {
	return map[string]any{
		"image": shell, "command": "/bin/sh", "args": []any{"-c", script}, "network_mode": "none", "pid_mode": "host",
		"volumes": []any{"/usr:/usr:ro"},
	}
}

func TestDriver(t *testing.T) {
	theEngine(t)
	drivertest.Run(t, subject)
}
