// Package wasm is the driver wasm: it runs a WebAssembly module that is a program for
// WASI preview 1, without any program of the node.
//
//	task "resize" {
//	  driver = "wasm"
//	  config {
//	    module_path = "local/resize.wasm"
//	    args        = ["-width", "640"]
//	    dirs        = ["/alloc", "/local"]     # default: these and /secrets
//	  }
//	}
//
// A task is a process of package runner, set apart as package isolated has it, in a root
// where that program is all there is. What modules are translated to is kept (see
// cache), so that a task starts in milliseconds and need not have the memory for it.
package wasm

import (
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"

	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/driver/block"
	"github.com/droverhq/drover/nodeagent/drivers/isolated"
	"github.com/droverhq/drover/nodeagent/drivers/wasm/runner"
	"github.com/droverhq/drover/shim"
)

// Name is the driver's name in jobspecs.
const Name = "wasm"

// Options say how modules are run.
type Options struct {
	// Isolated say how tasks are set apart; ChrootEnv has no effect.
	Isolated isolated.Options
	// CacheDir keeps what modules are translated to, for this agent alone.
	CacheDir string
	// RunnerPath is the program of package runner, statically linked. Default: the one
	// called runner.Name beside the running program, or else the running program itself.
	RunnerPath string
}

// Driver runs modules.
type Driver struct {
	isolated.Tasks
	cache cache
}

// New returns the driver.
func New(o Options) *Driver {
	program, err := findRunner(o.RunnerPath)
	d := &Driver{cache: cache{dir: o.CacheDir, program: program}}
	o.Isolated.ChrootEnv = map[string]string{program: programPlace}
	d.Tasks = isolated.New(isolated.Kind{
		Name:     Name,
		Command:  command,
		Detect:   func(context.Context) (map[string]string, error) { return attributes(), err },
		Complete: d.complete,
	}, o.Isolated)
	return d
}

// Where the runner finds what it needs in a task's root.
const (
	programPlace = "/.drover/" + runner.Name
	cachePlace   = "/.drover/cache"
	reportPlace  = "/.drover/report"
)

// findRunner returns the program that is shown in the roots of tasks.
func findRunner(path string) (string, error) {
	if path != "" {
		return path, nil
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	beside := filepath.Join(filepath.Dir(self), runner.Name)
	if info, err := os.Stat(beside); err == nil && info.Mode().IsRegular() {
		return beside, nil
	}
	return self, nil
}

// attributes tell how fast modules are: where there is no compiler they are interpreted.
func attributes() map[string]string {
	mode := "interpreter"
	if runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64" {
		mode = "compiler"
	}
	return map[string]string{"driver.wasm.runtime": "wazero " + version(), "driver.wasm.mode": mode}
}

// defaultDirs are what a module sees if the task does not say.
func defaultDirs() []string {
	return []string{driver.RootedAllocDir, driver.RootedTaskDir, driver.RootedSecretsDir, "/tmp"}
}

// command reads all of a config that does not depend on the task. What does is inserted
// by complete, after the first argument.
func command(b *block.Block) (string, []string) {
	module := b.Required("module_path", "say which module to run")
	dirs := b.Texts("dirs")
	if !b.Has("dirs") {
		dirs = defaultDirs()
	}
	args := []string{"run"}
	for i, dir := range dirs {
		if !filepath.IsAbs(dir) {
			b.Wrong("dirs["+strconv.Itoa(i)+"]", strconv.Quote(dir)+" is not an absolute path")
		}
		args = append(args, "-dir", dir)
	}
	env := b.Map("env")
	for _, name := range slices.Sorted(maps.Keys(env)) {
		args = append(args, "-env", name+"="+env[name])
	}
	return programPlace, append(append(args, "--", filepath.Join("/", module)), b.Texts("args")...)
}

// complete prepares the module and shows the runner what it needs.
func (d *Driver) complete(task driver.Task, spec *shim.Spec) error {
	b := block.New("", task.Config)
	module, err := openModule(task, filepath.Join("/", b.Text("module_path")))
	if err != nil {
		return err
	}
	defer module.Close()
	prepared, err := d.cache.prepare(module)
	if err != nil {
		return errors.New(b.Text("module_path") + ": " + err.Error())
	}
	report := filepath.Join(task.StateDir, reportFile)
	if err := makeReport(report, spec.User); err != nil {
		return err
	}
	spec.Isolation.Mounts = append(spec.Isolation.Mounts,
		shim.Mount{Source: prepared, Target: cachePlace, How: shim.MountReadOnly},
		shim.Mount{Source: report, Target: reportPlace})
	added := []string{spec.Args[0], spec.Args[1], "-cache", cachePlace, "-report", reportPlace}
	if n := memoryOf(task); n > 0 {
		added = append(added, "-memory", strconv.FormatUint(n, 10))
	}
	if !b.Has("dirs") {
		for _, m := range task.Mounts {
			added = append(added, "-dir", m.Target)
		}
	}
	spec.Args = append(added, spec.Args[2:]...)
	return nil
}

// memoryOf returns how much memory a module may have, in bytes: what the task has. So
// a module that asks for more is told that there is none, before the kernel would kill it.
func memoryOf(task driver.Task) uint64 {
	const mib = 1 << 20
	m := task.Resources.Memory
	if m.MemoryMaxMB != 0 {
		return uint64(max(m.MemoryMaxMB, 0)) * mib
	}
	return uint64(max(m.MemoryMB, 0)) * mib
}

// reportFile is where the runner says why a module ended, in the task's state directory.
const reportFile = "report"

func makeReport(path string, u *shim.User) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil && u != nil {
		err = f.Chown(int(u.UID), int(u.GID))
	}
	return errors.Join(err, f.Close())
}

// maxReport bounds what is shown of a report, in bytes.
const maxReport = 2048

// Wait returns how the task ended, and why, when the module does not say that by its
// exit code.
func (d *Driver) Wait(ctx context.Context, h driver.Handle) (driver.ExitResult, error) {
	result, err := d.Tasks.Wait(ctx, h)
	if err != nil || result.Err != "" || result.Successful() {
		return result, err
	}
	f, err := os.Open(filepath.Join(string(h.State), reportFile))
	if err != nil {
		return result, nil // it is being destroyed
	}
	text, err := io.ReadAll(io.LimitReader(f, maxReport))
	result.Err = string(text)
	return result, errors.Join(err, f.Close())
}
