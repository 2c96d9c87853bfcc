package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/test/cluster"
)

const looked = `
job "looked-into" {
  group "g" {
    task "web" {
      driver = "raw_exec"
      config {
        command = "/bin/sleep"
        args    = ["100000"]
      }
      env {
        COLOR = "blue"
      }
      action "print-env" {
        command = "/bin/sh"
        args    = ["-c", "echo $COLOR $NOMAD_JOB_ID $NOMAD_TASK_NAME; exit 5"]
      }
      resources {
        cpu    = 10
        memory = 10
      }
    }
  }
}
`

// lookInto starts an agent and a job with one task, and returns its allocation.
func lookInto(t *testing.T) (*cluster.Agent, string) {
	t.Helper()
	a := newAgent(t)
	a.Must(0, "job", "run", "-detach", writeJob(t, t.TempDir(), "looked-into.nomad.hcl", looked))
	a.AwaitSummary("looked-into", "running", func(s api.TaskGroupSummary) bool { return s.Running == 1 })
	return a, a.Allocs(t.Context(), "looked-into")[0].ID
}

// droverCommand is the command line with an input of its own.
func droverCommand(ctx context.Context, a *cluster.Agent, in string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, cluster.Binary(), args...)
	cmd.Env = append(os.Environ(), "DROVER_ADDR="+a.Client.Address())
	cmd.Stdin = strings.NewReader(in)
	return cmd
}

func TestCommandsRunInATask(t *testing.T) {
	t.Parallel()
	a, id := lookInto(t)
	if out := a.Must(0, "alloc", "exec", "-t=false", "-i=false", id[:8], "/bin/echo", "hi"); out != "hi\n" {
		t.Errorf("printed %q", out)
	}
	var both sync.WaitGroup
	for _, in := range []string{"typed\n", strings.Repeat("more than a pipe holds ", 10_000)} {
		both.Go(func() {
			out, err := droverCommand(t.Context(), a, in, "alloc", "exec", id, "cat").Output()
			if err != nil || string(out) != in {
				t.Errorf("%d of %d bytes came back, %v", len(out), len(in), err)
			}
		})
	}
	both.Wait()
	contains(t, a.Must(3, "alloc", "exec", "-task", "web", id, "sh", "-c", "pwd; exit 3", "-task"), id+"/web\n")
	contains(t, a.Must(1, "alloc", "exec", id, "no-such-program"), `"no-such-program"`)
	contains(t, a.Must(1, "alloc", "exec", "-task", "none", id, "true"), "Could not find task named: none")

	contains(t, a.Must(0, "job", "action", "-job", "looked-into"), "print-env", "web", "echo $COLOR")
	if out := a.Must(5, "job", "action", "-job", "looked-into", "print-env"); out != "blue looked-into web\n" {
		t.Errorf("printed %q", out)
	}
	contains(t, a.Must(1, "job", "action", "-job", "looked-into", "-alloc", id, "none"), "no action none")

	a.Must(0, "job", "stop", "-detach", "looked-into")
	a.AwaitSummary("looked-into", "complete", func(s api.TaskGroupSummary) bool { return s.Complete == 1 })
	contains(t, a.Must(1, "alloc", "exec", id, "true"), "is not running")
	contains(t, a.Must(1, "job", "action", "-job", "looked-into", "print-env"), "runs nowhere")
}

func TestAUserWhoVanishesLeavesNoProcessBehind(t *testing.T) {
	t.Parallel()
	a, id := lookInto(t)
	for _, tty := range []string{"-t=true", "-t=false"} {
		notes := filepath.Join(t.TempDir(), "pids")
		if err := syscall.Mkfifo(notes, 0o600); err != nil {
			t.Fatal(err)
		}
		user := droverCommand(t.Context(), a, "", "alloc", "exec", "-i=false", tty, id, "sh", "-c",
			"trap '' HUP INT TERM; setsid sleep 1000 & echo $$ $! > "+notes+"; sleep 1000; sleep 1000")
		if err := user.Start(); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(notes)
		if err != nil {
			t.Fatal(err)
		}
		if err := user.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = user.Wait() // it was killed
		for _, pid := range strings.Fields(string(b)) {
			a.Await("process "+pid+" to end", func(context.Context) bool {
				stat, err := os.ReadFile("/proc/" + pid + "/stat")
				return err != nil || strings.Contains(string(stat), ") Z ")
			})
		}
	}
	if out := a.Must(0, "alloc", "exec", id, "echo", "still here"); out != "still here\n" {
		t.Errorf("printed %q", out)
	}
}
