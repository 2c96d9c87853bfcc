package outside

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/drivers/held"
	"github.com/droverhq/drover/shim"
)

// collector keeps what tasks say: a program writes to pipes with names, which a process
// of each task's own empties into the log files. That is held like a task.
type collector struct{ *held.Holder }

// The pipes, and what is kept of their collector, in a task's state directory.
const (
	stdoutFile = "stdout"
	stderrFile = "stderr"
	logsDir    = "logs"
)

func newCollector(shimPath string) collector {
	program, err := shim.Program(shimPath)
	return collector{held.New(held.Options{
		Name: "logs", ShimPath: shimPath, Usable: func() error { return err },
		Spec: func(task driver.Task) (*shim.Spec, error) {
			dir := filepath.Dir(task.StateDir)
			return &shim.Spec{
				Path: program, Dir: "/", Env: shim.Environ(),
				Args:   []string{shim.Name, shim.CollectArg, filepath.Join(dir, stdoutFile), filepath.Join(dir, stderrFile)},
				Stdout: shim.Output(task.Stdout), Stderr: shim.Output(task.Stderr),
			}, nil
		},
	})}
}

// begin makes the pipes of a task and has them emptied.
func (c collector) begin(ctx context.Context, task driver.Task) error {
	for _, name := range []string{stdoutFile, stderrFile} {
		err := unix.Mkfifo(filepath.Join(task.StateDir, name), 0o600)
		if err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	task.StateDir = filepath.Join(task.StateDir, logsDir)
	_, err := c.Start(ctx, task)
	return err
}

// drainPatience is how long the last words of a task may take to be written.
const drainPatience = 5 * time.Second

// end returns when what is in the pipes is in the files.
func (c collector) end(ctx context.Context, stateDir string) error {
	h, err := c.Find(ctx, driver.Task{StateDir: filepath.Join(stateDir, logsDir)})
	if errors.Is(err, driver.ErrTaskGone) {
		return nil
	}
	if err == nil {
		err = c.Stop(ctx, h, "SIGTERM", drainPatience)
	}
	if err == nil {
		err = c.Destroy(ctx, h)
	}
	return err
}
