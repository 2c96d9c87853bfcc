package faults

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/test/cluster"
)

const (
	floodLines   = 200000
	onceCount    = 60
	flakyCount   = 3
	flakyRetries = 4
)

// rolling is ten instances whose command line has the version.
func rolling(version int) string {
	return fmt.Sprintf(`
job "rolling" { group "g" { count = 10
  update { max_parallel = 3; min_healthy_time = "50ms"; healthy_deadline = "1m"; progress_deadline = "2m" }
  task "t" { driver = "raw_exec"; config { command = "/bin/sleep"; args = ["%d"] }
    resources { cpu = 10; memory = 10 }
  } } }`, rollingSeconds+version)
}

const rollingSeconds = 100000

// writers is a batch job whose instances write their ID to a file, then end so.
func writers(id string, count, attempts int, file, end string) string {
	return fmt.Sprintf(`
job "%s" { type = "batch"; group "g" { count = %d
  restart { attempts = %d; delay = "300ms"; interval = "1h"; mode = "fail" }
  reschedule { attempts = 0; unlimited = false }
  task "t" { driver = "raw_exec"
    config { command = "/bin/sh"; args = ["-c", "echo $NOMAD_ALLOC_ID >> %s; %s"] }
    resources { cpu = 1; memory = 10 }
  } } }`, id, count, attempts, file, end)
}

// flood prints numbered lines as fast as it can.
var flood = fmt.Sprintf(`
job "flood" { group "g" {
  task "t" { driver = "raw_exec"
    config { command = "/bin/sh"; args = ["-c", "i=0; while [ $i -lt %d ]; do echo line $i; i=$((i+1)); done; exec sleep 100009"] }
    resources { cpu = 10; memory = 10 }
  } } }`, floodLines)

// stubborn does not end when it is asked to.
const stubborn = `
job "stubborn" { group "g" { count = 3
  task "t" { driver = "raw_exec"; kill_timeout = "700ms"
    config { command = "/bin/sh"; args = ["-c", "trap '' TERM; while :; do sleep 0.1; done"] }
    resources { cpu = 10; memory = 10 }
  } } }`

func TestKilledAtAnyMomentNothingIsLostOrDoubled(t *testing.T) {
	t.Parallel()
	r := seeded(t)
	a := cluster.Start(t, cluster.Options{})
	ran, tried := filepath.Join(t.TempDir(), "ran"), filepath.Join(t.TempDir(), "tried")
	run := func(text string) { a.Must(0, "job", "run", "-detach", jobFile(t, text)) }
	work := []func(){
		func() {
			run(writers("once", onceCount, 0, ran, "true"))
			run(writers("flaky", flakyCount, flakyRetries, tried, "exit 3"))
		},
		func() { run(flood); run(stubborn) },
		func() { a.Must(0, "job", "stop", "-detach", "stubborn") },
	}
	version := 0
	for i := range 4 * len(work) * effort(t, 1) {
		if a.Cmd == nil {
			a.Launch()
		}
		if i%4 == 0 {
			a.AwaitReady()
			version++
			run(rolling(version))
			work[i/4%len(work)]()
		}
		<-moment(r, 600*time.Millisecond)
		a.Kill()
	}
	a.Start()
	a.AwaitSummary("once", "complete", func(g api.TaskGroupSummary) bool { return g.Complete == onceCount })
	a.AwaitSummary("flaky", "failed", func(g api.TaskGroupSummary) bool { return g.Failed == flakyCount })
	a.Await("what is wanted to run, and nothing else", func(context.Context) bool {
		c := a.CommandLines()
		return len(c) == 2 && c[fmt.Sprintf("/bin/sleep %d", rollingSeconds+version)] == 10 && c["sleep 100009"] == 1
	})
	a.Await("a shim for every task", func(context.Context) bool { return len(a.Shims()) == 11 })
	eachWrote(t, ran, onceCount, 1)
	eachWrote(t, tried, flakyCount, 1+flakyRetries)
	flakyIsToldTruly(t, a)
	floodIsComplete(t, a)
}

// eachWrote expects the IDs of so many allocations in a file, each so often.
func eachWrote(t *testing.T, file string, allocs, times int) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	wrote := map[string]int{}
	for _, id := range strings.Fields(string(b)) {
		wrote[id]++
	}
	if len(wrote) != allocs {
		t.Errorf("%d allocations ran, want %d", len(wrote), allocs)
	}
	for id, n := range wrote {
		if n != times {
			t.Errorf("allocation %s ran %d times, want %d", id, n, times)
		}
	}
}

func flakyIsToldTruly(t *testing.T, a *cluster.Agent) {
	t.Helper()
	for _, s := range a.Allocs(t.Context(), "flaky") {
		state := s.TaskStates["t"]
		if !state.Failed || state.Restarts != flakyRetries {
			t.Errorf("allocation %s: failed %t, %d restarts", s.ID, state.Failed, state.Restarts)
		}
		for _, e := range state.Events {
			if e.Type == "Terminated" && e.ExitCode != 3 {
				t.Errorf("allocation %s: exit code %d, want 3", s.ID, e.ExitCode)
			}
		}
	}
}

// floodIsComplete expects every line of the flood in the log, once and in order.
func floodIsComplete(t *testing.T, a *cluster.Agent) {
	t.Helper()
	allocs := a.Allocs(t.Context(), "flood")
	if len(allocs) != 1 {
		t.Fatalf("%d allocations of the flood, want 1", len(allocs))
	}
	lines := strings.Split(strings.TrimSuffix(a.Must(0, "alloc", "logs", allocs[0].ID), "\n"), "\n")
	if len(lines) != floodLines {
		t.Errorf("%d lines, want %d", len(lines), floodLines)
	}
	for i, line := range lines {
		if line != fmt.Sprintf("line %d", i) {
			t.Fatalf("line %d is %q", i, line)
		}
	}
}
