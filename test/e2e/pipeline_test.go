package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// stage writes the file of a batch job whose instances each add a line to a log.
func stage(t *testing.T, name, log, job, group string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".nomad.hcl")
	text := fmt.Sprintf(`job %[1]q {
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
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
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
