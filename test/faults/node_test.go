package faults

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
	"github.com/droverhq/drover/test/cluster"
)

// shortGrace lets nodes without a session be down soon.
const shortGrace = "server {\n heartbeat_grace = \"1s\"\n}"

// spread is a job that runs on two nodes.
func spread(t *testing.T) string {
	return jobFile(t, `
job "spread" { group "g" { count = 4
  task "t" { driver = "raw_exec"; config { command = "/bin/sleep"; args = ["100020"] }
    resources { cpu = 10; memory = 10 }
  } } }`)
}

// fleet is a server and two nodes, each a process of its own.
func fleet(t *testing.T) (server, one, two *cluster.Agent) {
	t.Helper()
	server = cluster.Start(t, cluster.Options{Role: cluster.Server, Config: shortGrace})
	one = cluster.Start(t, cluster.Options{Role: cluster.Node, Name: "one", Server: server})
	two = cluster.Start(t, cluster.Options{Role: cluster.Node, Name: "two", Server: server})
	return server, one, two
}

// settled waits until so many tasks run on the two nodes, and what the API says runs
// is as many and has different names.
func settled(t *testing.T, a *cluster.Agent, job string, want int, nodes ...*cluster.Agent) {
	t.Helper()
	a.Await(fmt.Sprintf("%d instances of %s to run", want, job), func(ctx context.Context) bool {
		var names []string
		for _, s := range a.Allocs(ctx, job) {
			if s.DesiredStatus == api.AllocDesiredRun && s.ClientStatus == api.AllocClientRunning {
				names = append(names, s.Name)
			}
		}
		running := 0
		for _, n := range nodes {
			running += len(n.Processes())
		}
		slices.Sort(names)
		return len(slices.Compact(names)) == want && running == want
	})
}

func TestAServerThatComesBackFindsWhatHappenedMeanwhile(t *testing.T) {
	t.Parallel()
	server, one, two := fleet(t)
	flag := filepath.Join(t.TempDir(), "go")
	server.Must(0, "job", "run", "-detach", spread(t))
	server.Must(0, "job", "run", "-detach", jobFile(t, fmt.Sprintf(`
job "late" { type = "batch"; group "g" { count = 4
  restart { attempts = 0; mode = "fail" }
  reschedule { attempts = 0; unlimited = false }
  task "t" { driver = "raw_exec"
    config { command = "/bin/sh"; args = ["-c", "while [ ! -e %s ]; do sleep 0.05; done; exit 7"] }
    resources { cpu = 10; memory = 10 }
  } } }`, flag)))
	server.AwaitSummary("late", "running", func(g api.TaskGroupSummary) bool { return g.Running == 4 })
	server.AwaitSummary("spread", "running", func(g api.TaskGroupSummary) bool { return g.Running == 4 })
	server.Kill()
	if err := os.WriteFile(flag, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	server.Await("the tasks to end", func(context.Context) bool { return len(one.Processes())+len(two.Processes()) == 4 })
	before := append(one.Processes(), two.Processes()...)
	server.Start()
	server.AwaitSummary("late", "failed", func(g api.TaskGroupSummary) bool { return g.Failed == 4 })
	for _, s := range server.Allocs(t.Context(), "late") {
		for _, e := range s.TaskStates["t"].Events {
			if e.Type == "Terminated" && e.ExitCode != 7 {
				t.Errorf("allocation %s: exit code %d, want 7", s.ID, e.ExitCode)
			}
		}
	}
	settled(t, server, "spread", 4, one, two)
	if after := append(one.Processes(), two.Processes()...); !slices.Equal(before, after) {
		t.Errorf("tasks %v were replaced by %v", before, after)
	}
}

func TestWorkOfALostNodeRunsElsewhereAndOnceAgainWhenItIsBack(t *testing.T) {
	t.Parallel()
	server, one, two := fleet(t)
	server.Must(0, "job", "run", "-detach", spread(t))
	settled(t, server, "spread", 4, one, two)
	if len(one.Processes()) == 0 || len(two.Processes()) == 0 {
		t.Fatalf("%d tasks on one node, %d on the other", len(one.Processes()), len(two.Processes()))
	}
	one.Kill()
	one.AwaitNode(api.NodeDown)
	settled(t, server, "spread", 4, two)
	if len(one.Processes()) == 0 {
		t.Error("the lost node's tasks ended with its agent")
	}
	one.Start()
	settled(t, server, "spread", 4, one, two)
	if n := len(one.Processes()); n != 0 {
		t.Errorf("%d tasks that were replaced still run", n)
	}
}

func TestAFrozenNodeIsReplacedAndCatchesUpWhenItThaws(t *testing.T) {
	t.Parallel()
	server, one, two := fleet(t)
	server.Must(0, "job", "run", "-detach", spread(t))
	settled(t, server, "spread", 4, one, two)
	signal(t, one, syscall.SIGSTOP)
	one.AwaitNode(api.NodeDown)
	settled(t, server, "spread", 4, two)
	signal(t, one, syscall.SIGCONT)
	one.AwaitNode(api.NodeReady)
	settled(t, server, "spread", 4, one, two)
	nodes, _, err := server.Client.Nodes.List(t.Context(), false, client.Query{})
	if err != nil || len(nodes) != 2 {
		t.Errorf("%d nodes, %v; want the same two", len(nodes), err)
	}
}

func signal(t *testing.T, a *cluster.Agent, s os.Signal) {
	t.Helper()
	if err := a.Cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}
