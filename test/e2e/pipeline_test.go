package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

// stage writes the file of a batch job whose instances each add to a log when they begin
// and end.
func stage(t *testing.T, name, log, job, group string) string {
	t.Helper()
	return writeJob(t, t.TempDir(), name+".nomad.hcl", stageText(name, log, job, group))
}

func stageText(name, log, job, group string) string {
	return fmt.Sprintf(`job %[1]q {
  type = "batch"
  %[3]s
  group "g" {
    %[4]s
    task "t" {
      driver = "raw_exec"
      config {
        command = "/bin/sh"
        args    = ["-c", "echo %[1]s $NOMAD_ALLOC_INDEX begins >> %[2]s; sleep 0.2; echo %[1]s $NOMAD_ALLOC_INDEX ends >> %[2]s"]
      }
      resources {
        cpu    = 20
        memory = 20
      }
    }
  }
}
`, name, log, job, group)
}

func TestAFolderIsAppliedInTheOrderOfItsDependencies(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	dir, log := t.TempDir(), filepath.Join(t.TempDir(), "log")
	writeJob(t, dir, "1.nomad.hcl", stageText("load", log, `depends_on "extract" {}`, ""))
	writeJob(t, dir, "2.nomad.hcl", stageText("report", log, `depends_on "sales" {}`, ""))
	writeJob(t, dir, "3.nomad.hcl", stageText("extract", log, "", ""))
	contains(t, a.Must(0, "apply", dir), `waits for job "sales" to succeed: it is not registered`, "It begins by itself then")
	text, err := os.ReadFile(log)
	if want := "extract 0 begins\nextract 0 ends\nload 0 begins\nload 0 ends\n"; err != nil || string(text) != want {
		t.Errorf("%s, %v; want %s", text, err, want)
	}
	waiting := begin(t, a, "apply", "-wait", filepath.Join(dir, "2.nomad.hcl"))
	a.Must(0, "apply", stage(t, "sales", log, "", ""))
	waiting.ends(0)
	contains(t, a.Must(0, "job", "status", "report"), "Status        = dead")
}

func TestDispatchedJobsHaveTheLimitsOfTheirParentAndKeepThem(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	log := filepath.Join(t.TempDir(), "log")
	a.Must(0, "job", "run", stage(t, "scan", log, `
  parameterized {
    max_concurrent = 1
  }
  deadline           = "1h"
  ttl_after_finished = "2h"`, ""))
	const children = 4
	var ids []string
	for range children {
		out := a.Must(0, "job", "dispatch", "-detach", "scan")
		ids = append(ids, strings.Fields(strings.SplitN(out, "= ", 2)[1])[0])
	}
	for _, id := range ids {
		j, _, err := a.Client.Jobs.Get(t.Context(), id, client.Query{})
		if err != nil {
			t.Fatal(err)
		}
		if api.Deref(j.Deadline) != time.Hour || api.Deref(j.TTLAfterFinished) != 2*time.Hour || api.Deref(j.ParameterizedJob.MaxConcurrent) != 1 {
			t.Errorf("child %s has deadline %v, ttl_after_finished %v, parameterized %+v", id, j.Deadline, j.TTLAfterFinished, j.ParameterizedJob)
		}
	}
	var text []byte
	a.Await("the end of all children", func(context.Context) bool {
		var err error
		text, err = os.ReadFile(log)
		return err == nil && strings.Count(string(text), "ends") == children
	})
	if want := strings.Repeat("scan 0 begins\nscan 0 ends\n", children); string(text) != want {
		t.Errorf("more than one ran at a time:\n%s", text)
	}
}

func TestAPipelineThatIsAppliedInReverseRunsInOrder(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	log := filepath.Join(t.TempDir(), "log")
	load := stage(t, "load", log, `depends_on "transform" {}`, "")
	contains(t, a.Must(1, "job", "plan", load), `The job waits for job "transform" to succeed: it is not registered`)
	a.Must(0, "job", "run", "-detach", load)
	a.Must(0, "job", "run", "-detach", stage(t, "transform", log, `depends_on "extract" {}`, "indexed {\n completions = 5\n parallelism = 2\n }"))
	contains(t, a.Must(0, "job", "status", "load"), `pending: waits for job "transform" to succeed`, "Dependencies", "transform  default    success")
	contains(t, a.Must(0, "job", "status", "transform"), `pending: waits for job "extract" to succeed: it is not registered`, "0/5")
	a.Must(0, "job", "run", "-detach", stage(t, "extract", log, "", ""))

	a.Await("the end of the pipeline", func(context.Context) bool {
		text, err := os.ReadFile(log)
		return err == nil && strings.Contains(string(text), "load 0 ends")
	})
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	running, done, ended := 0, map[string]int{}, map[string]int{}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		words := strings.Fields(line)
		name, instance, begins := words[0], words[0]+" "+words[1], words[2] == "begins"
		before := map[string]int{"extract": 0, "transform": ended["extract"], "load": ended["transform"]}[name]
		if want := map[string]int{"extract": 0, "transform": 1, "load": 5}[name]; before != want {
			t.Errorf("%q came after %d of %d:\n%s", line, before, want, text)
		}
		if begins {
			running++
		} else {
			running--
			done[instance]++
			ended[name]++
		}
		if running > 2 {
			t.Errorf("%d run at a time:\n%s", running, text)
		}
	}
	if len(done) != 7 || ended["transform"] != 5 {
		t.Errorf("these ran: %v", done)
	}
	a.Await("the death of its last job", func(context.Context) bool {
		return strings.Contains(a.Must(0, "job", "status", "load"), "Status        = dead")
	})
	contains(t, a.Must(0, "job", "status", "transform"), "Indexes", "5/5")
}
