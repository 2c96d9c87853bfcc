package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

// Processes are the PIDs of the agent's tasks: processes that have their allocation's
// directory, or its ID, in their environment and are no shims.
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
		case bytes.Contains(env, []byte("NOMAD_ALLOC_DIR="+data)), a.isOfAlloc(env):
			tasks = append(tasks, pid)
		}
	}
	return tasks, shims
}

// isOfAlloc reports whether an environment names an allocation of the agent's. Tasks that
// have a root of their own see its directory by another name.
func (a *Agent) isOfAlloc(env []byte) bool {
	for entry := range bytes.SplitSeq(env, []byte{0}) {
		if id, ok := bytes.CutPrefix(entry, []byte("NOMAD_ALLOC_ID=")); ok {
			_, err := os.Stat(filepath.Join(a.Dir, "data/client/alloc", string(id)))
			return err == nil
		}
	}
	return false
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
		if line := commandLine(pid); line != "" {
			counts[line]++
		}
	}
	return counts
}

// commandLine is the command line of a process; "" when it has ended.
func commandLine(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return ""
	}
	return strings.TrimRight(strings.ReplaceAll(string(b), "\x00", " "), " ")
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

// allocsEnded reports whether the servers know of no allocation on the agent's node that
// has not ended, be it that its tasks run or are still to be started.
func (a *Agent) allocsEnded(ctx context.Context) bool {
	if a.o.Role == Server {
		return true
	}
	allocs, _, err := a.Client.Allocations.List(ctx, client.Query{Namespace: "*"})
	if err != nil {
		a.t.Logf("list allocations: %v", err)
		return false
	}
	return !slices.ContainsFunc(allocs, func(al *api.AllocationListStub) bool {
		status := api.AllocationStatus{ClientStatus: al.ClientStatus}
		return al.NodeName == a.o.Name && !status.Terminal()
	})
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
