package faults

import (
	"context"
	"slices"
	"syscall"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/test/cluster"
)

// daemons start processes of other sessions with an empty environment, which only
// their ancestry tells from others.
const daemons = `
job "daemons" { group "g" { count = 3
  restart { attempts = 20; delay = "100ms"; interval = "1h"; mode = "delay" }
  task "t" { driver = "raw_exec"; kill_timeout = "500ms"
    config { command = "/bin/sh"; args = ["-c", "setsid env -i NOMAD_ALLOC_DIR=$NOMAD_ALLOC_DIR sh -c 'setsid sleep 100031 & sleep 100032 &'; (sleep 100033 &); exec sleep 100034"] }
    resources { cpu = 10; memory = 10 }
  } } }`

func running(g api.TaskGroupSummary) bool { return g.Running == 3 }

// whole waits until three instances run, each of them once, with other processes than
// before.
func whole(t *testing.T, a *cluster.Agent, before []int) {
	t.Helper()
	a.Await("three whole instances", func(context.Context) bool {
		c := a.CommandLines()
		for _, line := range []string{"sleep 100031", "sleep 100032", "sleep 100033", "sleep 100034"} {
			if c[line] != 3 {
				return false
			}
		}
		return len(c) == 4 && len(a.Shims()) == 3 &&
			!slices.ContainsFunc(a.Processes(), func(pid int) bool { return slices.Contains(before, pid) })
	})
	a.AwaitSummary("daemons", "running", running)
}

func kill(t *testing.T, pids []int) {
	t.Helper()
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Logf("kill %d: %v", pid, err) // it may have ended with another one
		}
	}
}

func TestNothingOfATaskOutlivesAKilledShim(t *testing.T) {
	t.Parallel()
	a := cluster.Start(t, cluster.Options{})
	a.Must(0, "job", "run", "-detach", jobFile(t, daemons))
	whole(t, a, nil)

	before := a.Processes()
	kill(t, a.Shims())
	whole(t, a, before)

	before = a.Processes()
	shims := a.Shims()
	a.Kill()
	kill(t, shims)
	a.Start()
	whole(t, a, before)

	a.Must(0, "job", "stop", "-detach", "daemons")
	a.Await("all to end", func(context.Context) bool { return len(a.Processes())+len(a.Shims()) == 0 })
}
