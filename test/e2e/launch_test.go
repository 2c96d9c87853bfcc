package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
	"github.com/droverhq/drover/test/cluster"
)

// ticks is a job that is launched every second and writes its name down each time that
// its task runs.
const ticks = `
job "ticks" {
  type = "batch"
  periodic {
    crons     = ["* * * * * * *"]
    time_zone = "Australia/Lord_Howe"
  }
  group "g" {
    task "note" {
      driver = "raw_exec"
      config {
        command = "/bin/sh"
        args    = ["-c", "echo $NOMAD_JOB_ID >> %s"]
      }
      resources {
        cpu    = 10
        memory = 10
      }
    }
  }
}
`

func ticking(t *testing.T) (job, notes string) {
	t.Helper()
	notes = filepath.Join(t.TempDir(), "notes")
	return writeJob(t, t.TempDir(), "ticks.nomad.hcl", fmt.Sprintf(ticks, notes)), notes
}

// ran returns how often the task of each child ran, by the moment of its launch.
func ran(t *testing.T, notes string) map[int64]int {
	t.Helper()
	b, err := os.ReadFile(notes)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	out := map[int64]int{}
	for id := range strings.FieldsSeq(string(b)) {
		due, err := strconv.ParseInt(strings.TrimPrefix(id, "ticks/periodic-"), 10, 64)
		if err != nil {
			t.Fatalf("job %q: %v", id, err)
		}
		out[due]++
	}
	return out
}

// children returns the states of the children of ticks.
func children(ctx context.Context, a *cluster.Agent) map[string]int {
	jobs, _, err := a.Client.Jobs.List(ctx, client.Query{Prefix: "ticks/"})
	if err != nil {
		return nil
	}
	out := map[string]int{}
	for _, j := range jobs {
		out[j.Status]++
	}
	return out
}

func TestAPeriodicJobIsLaunchedUntilItIsStopped(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	job, notes := ticking(t)
	contains(t, a.Must(0, "job", "run", job), "launches every second", "the next launches are", "+11:00",
		"Job registration successful", "Approximate next launch time: ")
	a.Await("five launches", func(context.Context) bool { return len(ran(t, notes)) >= 5 })
	contains(t, a.Must(0, "job", "status", "ticks"), "Next Periodic Launch = ", "from now)", "Children Job Summary", "Previously Launched Jobs", "ticks/periodic-")
	a.Must(0, "job", "stop", "ticks")
	launched := 0
	a.Await("its children to end", func(ctx context.Context) bool {
		states := children(ctx, a)
		launched = states[api.JobStatusDead]
		return launched > 0 && len(states) == 1
	})
	contains(t, a.Must(0, "job", "status", "ticks"), "dead (stopped)", "Next Periodic Launch = none (job stopped)")
	contains(t, a.Must(1, "job", "periodic", "force", "ticks"), "is stopped")

	times := ran(t, notes)
	for due, n := range times {
		if n != 1 {
			t.Errorf("the task for %d ran %d times", due, n)
		}
	}
	if len(times) != launched {
		t.Errorf("%d children, %d of which ran", launched, len(times))
	}
}

// The agent is killed while launches come due. Afterwards each was made once, or, of
// those that came due meanwhile, only the latest.
func TestLaunchesThatComeDueWhileTheAgentIsDeadAreMadeUpForOnce(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	job, notes := ticking(t)
	a.Must(0, "job", "run", job)
	a.Await("two launches", func(context.Context) bool { return len(ran(t, notes)) >= 2 })
	a.Kill()
	killed := time.Now()
	a.Await("launches to be missed", func(context.Context) bool { return time.Since(killed) > 4*time.Second })
	a.Start()
	back := time.Now()
	a.Await("launches to go on", func(context.Context) bool {
		later := 0
		for due := range ran(t, notes) {
			if due > back.Unix() {
				later++
			}
		}
		return later >= 2
	})
	a.Must(0, "job", "stop", "ticks")
	a.Await("all children to end", func(ctx context.Context) bool {
		states := children(ctx, a)
		return states[api.JobStatusDead] == len(ran(t, notes)) && len(states) == 1
	})
	missed := 0
	for due, n := range ran(t, notes) {
		if n != 1 {
			t.Errorf("the task for %d ran %d times", due, n)
		}
		if due > killed.Unix()+1 && due < back.Unix()-1 {
			missed++
		}
	}
	if missed > 1 {
		t.Errorf("%d launches that came due while nobody led were made up for", missed)
	}
}

const counting = `
job "counting" {
  type = "batch"
  parameterized {
    payload       = "required"
    meta_required = ["input"]
    meta_optional = ["note"]
  }
  group "g" {
    task "count" {
      driver = "raw_exec"
      config {
        command = "/bin/sh"
        args    = ["-c", "cat local/in/put.txt; echo input=$NOMAD_META_input INPUT=$NOMAD_META_INPUT note=${NOMAD_META_note-unset}"]
      }
      dispatch_payload {
        file = "in/put.txt"
      }
      resources {
        cpu    = 10
        memory = 10
      }
    }
  }
}
`

func TestADispatchedJobFindsItsPayloadAndItsMeta(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	dir := t.TempDir()
	if out := a.Must(0, "job", "run", writeJob(t, dir, "counting.nomad.hcl", counting)); out != "Job registration successful\n" {
		t.Errorf("printed %q", out)
	}
	contains(t, a.Must(0, "job", "status", "counting"), "Required Metadata = input", "No dispatched instances of parameterized job found")
	payload := writeJob(t, dir, "payload", "hello world\n")
	out := a.Must(0, "job", "dispatch", "-meta", "input=x", "-idempotency-token", "once", "counting", payload)
	contains(t, out, "Dispatched Job ID = counting/dispatch-", "Evaluation ID     = ", `finished with status "complete"`)
	id := strings.Fields(strings.SplitN(out, "= ", 2)[1])[0]
	a.AwaitSummary(id, "complete", func(s api.TaskGroupSummary) bool { return s.Complete == 1 })
	logs := a.Must(0, "alloc", "logs", a.Allocs(t.Context(), id)[0].ID)
	contains(t, logs, "hello world\n", "input=x INPUT=x note=\n")
	contains(t, a.Must(0, "job", "status", "counting"), "Dispatched Jobs", id)

	contains(t, a.Must(0, "job", "dispatch", "-detach", "-meta", "input=y", "-idempotency-token", "once", "counting", payload), id)
	contains(t, a.Must(1, "job", "dispatch", "-meta", "input=x", "counting"), "Payload is not provided but required")
	contains(t, a.Must(1, "job", "dispatch", "counting", payload), "Dispatch did not provide required meta keys: [input]")
	contains(t, a.Must(1, "job", "dispatch", "-meta", "input=x", "-meta", "zzz=y", "counting", payload), "unpermitted metadata keys: [zzz]")
}
