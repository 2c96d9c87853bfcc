package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

// Processes are the PIDs of the agent's tasks: processes that have their
// allocation's directory in their environment and are no shims.
func (a *Agent) Processes() []int {
	a.t.Helper()
	pids, _ := a.scan()
	return pids
}

// Shims are the PIDs of the processes that hold the agent's tasks.
func (a *Agent) Shims() []int {
	a.t.Helper()
	_, pids := a.scan()
	return pids
}

// scan finds the processes that have something to do with the agent's data, the agent
// itself and its command line excepted.
func (a *Agent) scan() (tasks, shims []int) {
	a.t.Helper()
	procs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		a.t.Fatal(err)
	}
	data := filepath.Join(a.Dir, "data") + "/"
	for _, dir := range procs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			a.t.Fatal(err)
		}
		env, err := os.ReadFile(filepath.Join(dir, "environ"))
		if err != nil {
			continue // ended meanwhile
		}
		cmdline, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil {
			continue
		}
		name, _, _ := bytes.Cut(cmdline, []byte{0})
		switch {
		case filepath.Base(string(name)) == "drover-shim":
			if bytes.Contains(cmdline, []byte(data)) || bytes.Contains(env, []byte(data)) {
				shims = append(shims, pid)
			}
		case bytes.Contains(env, []byte("NOMAD_ALLOC_DIR="+data)):
			tasks = append(tasks, pid)
		}
	}
	return tasks, shims
}

// Memory is how many bytes of memory the agent has (RSS).
func (a *Agent) Memory() int {
	a.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", a.Cmd.Process.Pid))
	if err != nil {
		a.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kilobytes, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		a.t.Fatal(err)
	}
	return kilobytes << 10
}

// Files is how many files the agent has open, connections among them.
func (a *Agent) Files() int {
	a.t.Helper()
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", a.Cmd.Process.Pid))
	if err != nil {
		a.t.Fatal(err)
	}
	return len(files)
}

// CommandLines counts the agent's tasks by command line.
func (a *Agent) CommandLines() map[string]int {
	a.t.Helper()
	counts := map[string]int{}
	for _, pid := range a.Processes() {
		cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil || len(cmdline) == 0 {
			continue // ended meanwhile
		}
		counts[strings.TrimRight(strings.ReplaceAll(string(cmdline), "\x00", " "), " ")]++
	}
	return counts
}

// Allocs are the allocations of a job, newest first.
func (a *Agent) Allocs(ctx context.Context, job string) []*api.AllocationListStub {
	a.t.Helper()
	allocs, _, err := a.Client.Jobs.Allocations(ctx, job, false, client.Query{})
	if err != nil {
		a.t.Logf("allocations of %s: %v", job, err)
	}
	return allocs
}

// AwaitSummary waits until the counts of a job's only group are as asked for.
func (a *Agent) AwaitSummary(job, what string, want func(api.TaskGroupSummary) bool) {
	a.t.Helper()
	a.Await(job+" to be "+what, func(ctx context.Context) bool {
		s, _, err := a.Client.Jobs.Summary(ctx, job, client.Query{})
		if err != nil {
			return false
		}
		for _, g := range s.Summary {
			return want(g)
		}
		return false
	})
}
