package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/test/cluster"
)

const rolling = `
job "rolling" {
  group "g" {
    count = 10
    update {
      max_parallel     = 2
      min_healthy_time = "200ms"
      healthy_deadline = "1m"
    }
    task "sleep" {
      driver = "raw_exec"
      config {
        command = "/bin/sleep"
        args    = ["%d"]
      }
      resources {
        cpu    = 10
        memory = 10
      }
    }
  }
}
`

func rollingJob(t *testing.T, seconds int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rolling.nomad.hcl")
	if err := os.WriteFile(path, fmt.Appendf(nil, rolling, seconds), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestARolloutSurvivesAKilledAgent(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	a.Must(0, "apply", rollingJob(t, 100001))
	if n := len(a.Processes()); n != 10 {
		t.Fatalf("%d processes, want 10", n)
	}
	a.Must(0, "apply", "-detach", rollingJob(t, 100002))
	a.Await("the rollout to be half done", func(context.Context) bool { return a.CommandLines()["/bin/sleep 100002"] >= 4 })
	a.Kill()
	before := a.CommandLines()
	if before["/bin/sleep 100001"]+before["/bin/sleep 100002"] == 0 {
		t.Fatal("the tasks died with the agent")
	}
	a.Start()
	a.Await("the rollout to be done", func(context.Context) bool {
		after := a.CommandLines()
		return after["/bin/sleep 100002"] == 10 && len(after) == 1
	})
	contains(t, a.Must(0, "apply", rollingJob(t, 100002)), "unchanged", "10/10 healthy")
	if after := a.CommandLines(); after["/bin/sleep 100002"] != 10 || len(after) != 1 {
		t.Errorf("processes: %v", after)
	}
}

func TestATaskThatEndsWithoutAnAgentIsReportedWithItsExitCode(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	flag := filepath.Join(t.TempDir(), "go")
	job := filepath.Join(t.TempDir(), "late.nomad.hcl")
	text := fmt.Sprintf(`
job "late" {
  type = "batch"
  group "g" {
    restart { attempts = 0 }
    reschedule { attempts = 0 }
    task "t" {
      driver = "raw_exec"
      config {
        command = "/bin/sh"
        args    = ["-c", "while [ ! -e %s ]; do sleep 0.05; done; echo done; exit 7"]
      }
      resources {
        cpu    = 10
        memory = 10
      }
    }
  }
}`, flag)
	text = strings.NewReplacer("{ attempts = 0 }", "{\nattempts = 0\n}").Replace(text)
	if err := os.WriteFile(job, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	a.Must(0, "job", "run", "-detach", job)
	a.AwaitSummary("late", "running", func(g api.TaskGroupSummary) bool { return g.Running == 1 })
	a.Kill()
	if err := os.WriteFile(flag, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	a.Await("the task to end", func(context.Context) bool { return len(a.Processes()) == 0 })
	a.Start()
	a.AwaitSummary("late", "failed", func(g api.TaskGroupSummary) bool { return g.Failed == 1 })
	alloc := a.Allocs(t.Context(), "late")[0]
	contains(t, a.Must(0, "alloc", "status", alloc.ID), "Exit Code: 7")
	contains(t, a.Must(0, "alloc", "logs", alloc.ID), "done\n")
}

func TestASnapshotBringsBackWhatWasSaved(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	a.Must(0, "job", "run", "-detach", "everywhere.nomad.hcl")
	a.AwaitSummary("everywhere", "running", func(g api.TaskGroupSummary) bool { return g.Running == 1 })
	file := filepath.Join(t.TempDir(), "state.snap")
	contains(t, a.Must(0, "operator", "snapshot", "save", file), "State file written to")
	a.Must(0, "job", "run", "countdown.nomad.hcl")
	a.Must(0, "operator", "snapshot", "restore", file)
	contains(t, a.Must(0, "job", "status"), "everywhere")
	if out := a.Must(0, "job", "status"); strings.Contains(out, "countdown") {
		t.Errorf("what came after the snapshot is still there:\n%s", out)
	}
	a.AwaitSummary("everywhere", "running", func(g api.TaskGroupSummary) bool { return g.Running == 1 })

	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	damaged := filepath.Join(t.TempDir(), "damaged.snap")
	whole[len(whole)/2] ^= 1
	if err := os.WriteFile(damaged, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	a.Must(1, "operator", "snapshot", "restore", damaged)
	contains(t, a.Must(0, "job", "status"), "everywhere")
}

func TestTwoAgentsDoNotShareADataDir(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	ports := cluster.FreePorts(t, 3)
	out := a.Must(1, "agent", "-server", "-client", "-bind", "127.0.0.1", "-data-dir", filepath.Join(a.Dir, "data"),
		"-http-port", ports[0], "-rpc-port", ports[1], "-raft-port", ports[2])
	contains(t, out, "another")
}
