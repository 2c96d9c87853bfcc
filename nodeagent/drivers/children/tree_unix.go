//go:build unix

package children

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
)

// tree is the processes of a task: a session with its process group. One that makes a
// session of its own is lost.
type tree struct{ pid int }

// leaderFile is where the leader of a task's process group is written down: its PID and
// when it was started, by which another process with the same PID is told from it.
const leaderFile = "leader"

func start(cmd *exec.Cmd, stateDir string) (*tree, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	t := &tree{cmd.Process.Pid}
	record := fmt.Sprintf("%d %s", t.pid, startOf(t.pid))
	if err := os.WriteFile(filepath.Join(stateDir, leaderFile), []byte(record), 0o600); err != nil {
		return nil, errors.Join(err, t.kill(), lasting(cmd.Wait()))
	}
	return t, nil
}

// ask sends a signal to all processes.
func (t *tree) ask(name string) error {
	if name == "" {
		name = "SIGINT"
	}
	return t.send(unix.SignalNum(name))
}

// known reports an error for a signal that there is none of.
func known(signal string) error {
	if signal != "" && unix.SignalNum(signal) == 0 {
		return fmt.Errorf("%w: signal %q", api.ErrNotSupported, signal)
	}
	return nil
}

func (t *tree) kill() error { return t.send(unix.SIGKILL) }

// end kills what the task's first process has left behind.
func (t *tree) end() error { return t.kill() }

func (t *tree) send(signal syscall.Signal) error {
	err := unix.Kill(-t.pid, signal)
	if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EPERM) { // EPERM: only zombies are left, on macOS
		return nil
	}
	return err
}

// killLeft kills the processes that an earlier agent has left, if they are still those.
func killLeft(stateDir string) error {
	b, err := os.ReadFile(filepath.Join(stateDir, leaderFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	text, started, _ := strings.Cut(string(b), " ")
	pid, err := strconv.Atoi(text)
	if err != nil || pid <= 1 || started == "" || startOf(pid) != started {
		return nil // it has ended, or was never written down whole
	}
	return (&tree{pid}).kill()
}

// resultOf reads how a process ended.
func resultOf(s *os.ProcessState) driver.ExitResult {
	status, ok := s.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		const bySignal = 128
		return driver.ExitResult{ExitCode: bySignal + int(status.Signal()), Signal: int(status.Signal())}
	}
	return driver.ExitResult{ExitCode: s.ExitCode()}
}
