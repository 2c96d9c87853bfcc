package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/droverhq/drover/nodeagent/drivers/outside/wire"
)

// task is a command that runs, or has run. A holder, a process of its own, waits for
// its end, so that the driver's program can be started again meanwhile.
type task struct {
	Dir     string // what the holder needs and says; it has the lock in it while it runs
	Started time.Time
}

// spec is what a holder is to run.
type spec struct {
	Args, Env      []string
	Dir            string
	Stdout, Stderr string
}

// end is how a command ended.
type end struct {
	Code, Signal int
	Err          string
}

// Files of a task's directory.
const (
	specFile = "spec"
	lockFile = "lock"
	pidFile  = "pid"
	endFile  = "end"
)

func start(c *wire.TaskConfig, args []string) (*task, error) {
	t := &task{
		Dir:     filepath.Join(c.GetAllocDir(), ".sample", base64.RawURLEncoding.EncodeToString([]byte(c.GetId()))),
		Started: time.Now().Round(0),
	}
	if err := os.MkdirAll(t.Dir, 0o700); err != nil {
		return nil, err
	}
	s := spec{Args: args, Dir: filepath.Join(c.GetAllocDir(), c.GetName()), Stdout: c.GetStdoutPath(), Stderr: c.GetStderrPath()}
	for name, value := range c.GetEnv() {
		s.Env = append(s.Env, name+"="+value)
	}
	if err := save(filepath.Join(t.Dir, specFile), s); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	holder := exec.Command(self, "hold", t.Dir)
	holder.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	answer, err := holder.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := holder.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(answer).ReadString('\n')
	go func() { _ = holder.Wait() }() // how it ends is in its files
	if err != nil || line != "started\n" {
		return nil, errors.Join(fmt.Errorf("%s: %s", args[0], strings.TrimSpace(line)), t.remove())
	}
	return t, nil
}

// found reports whether the task's directory is there.
func (t *task) found() error {
	_, err := os.Stat(filepath.Join(t.Dir, pidFile))
	return err
}

func (t *task) ended() bool {
	_, err := os.Stat(filepath.Join(t.Dir, endFile))
	return err == nil
}

// wait returns how the task ended: its holder has the lock for as long as it runs.
func (t *task) wait(ctx context.Context) (end, error) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		var e end
		err := load(filepath.Join(t.Dir, endFile), &e)
		if err == nil {
			return e, nil
		}
		if free, lockErr := t.unlocked(); lockErr != nil || free {
			if err := load(filepath.Join(t.Dir, endFile), &e); err == nil {
				return e, nil
			}
			return end{}, errors.Join(errors.New("the task's holder was killed"), lockErr)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return end{}, ctx.Err()
		}
	}
}

func (t *task) unlocked() (bool, error) {
	f, err := os.Open(filepath.Join(t.Dir, lockFile))
	if err != nil {
		return false, err
	}
	defer f.Close()
	err = unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// signal sends a signal to the command, if it runs.
func (t *task) signal(s unix.Signal) {
	var pid int
	if load(filepath.Join(t.Dir, pidFile), &pid) == nil && !t.ended() {
		_ = unix.Kill(pid, s)
	}
}

func (t *task) remove() error { return os.RemoveAll(t.Dir) }

// stats measures the command and what it has started.
func (t *task) stats(id string) *wire.TaskStats {
	var pid int
	if err := load(filepath.Join(t.Dir, pidFile), &pid); err != nil {
		return nil
	}
	s := &wire.TaskStats{
		Id: id, Timestamp: timestamppb.Now(), ResourceUsageByPid: map[string]*wire.TaskResourceUsage{},
		AggResourceUsage: &wire.TaskResourceUsage{Cpu: &wire.CPUUsage{}, Memory: &wire.MemoryUsage{MeasuredFields: []wire.MemoryUsage_Fields{wire.MemoryUsage_RSS}}},
	}
	for _, p := range append(descendants(pid), pid) {
		rss := residentBytes(p)
		s.ResourceUsageByPid[strconv.Itoa(p)] = &wire.TaskResourceUsage{Cpu: &wire.CPUUsage{}, Memory: &wire.MemoryUsage{Rss: rss}}
		s.AggResourceUsage.Memory.Rss += rss
	}
	return s
}

func residentBytes(pid int) uint64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	fields := strings.Fields(string(b))
	if err != nil || len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseUint(fields[1], 10, 64)
	return pages * uint64(os.Getpagesize())
}

// descendants returns the processes that a process has started, and those that they have.
func descendants(pid int) []int {
	var all []int
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		b, _ := os.ReadFile(list)
		for word := range strings.FieldsSeq(string(b)) {
			if child, err := strconv.Atoi(word); err == nil {
				all = append(append(all, child), descendants(child)...)
			}
		}
	}
	return all
}

func load(path string, into any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}

func save(path string, what any) error {
	b, err := json.Marshal(what)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", b, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
