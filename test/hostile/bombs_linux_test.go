package hostile

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/droverhq/drover/api"
)

// program is a batch job of one task that is not started again.
func program(id, config, more string) string {
	return fmt.Sprintf(`
job %q {
  type = "batch"
  group "g" {
    restart {
      attempts = 0
      mode     = "fail"
    }
    reschedule {
      attempts  = 0
      unlimited = false
    }
    task "t" {
      driver       = "exec"
      kill_timeout = "1s"
      config {
%s
      }
%s
    }
  }
}
`, id, config, more)
}

const few = `
      resources {
        cpu    = 50
        memory = 64
      }
`

// python is the config of a task that runs some Python.
func python(script string) string {
	return fmt.Sprintf("command = \"python3\"\nargs = [\"-c\", %q]", script)
}

const mostProcesses = 64

func TestBombs(t *testing.T) {
	v := newVictim(t, "")
	t.Run("fork", func(t *testing.T) {
		v.t = t
		v.run("fork", program("fork", fmt.Sprintf("pids_limit = %d\n", mostProcesses)+
			python("import os\nwhile True:\n  try: os.fork()\n  except OSError: pass"), few))
		most := 0
		v.Await("the bomb to go off", func(context.Context) bool {
			v.unhurt("in the fork bomb")
			most = max(most, v.processes("fork"))
			return most > mostProcesses/2
		})
		for range 5 {
			v.unhurt("in the fork bomb")
			most = max(most, v.processes("fork"))
		}
		if most > mostProcesses {
			t.Errorf("it had %d processes", most)
		}
		v.Must(0, "job", "stop", "-detach", "fork")
		v.ends("fork")
		v.Await("all its processes to end", func(context.Context) bool { return v.processes("fork") == 0 })
	})
	t.Run("memory", func(t *testing.T) {
		v.t = t
		v.run("memory", program("memory", python("kept = []\nwhile True: kept.append(bytearray(b'x') * (1 << 20))"), few))
		if s := v.ends("memory").TaskStates["t"]; !s.Failed || !strings.Contains(events(s), "Out of memory") {
			t.Errorf("it is not said that it had too much memory:\n%s", events(s))
		}
	})
	t.Run("output", func(t *testing.T) {
		v.t = t
		const amount = 1 << 30 // bytes; as fast as it can, which is more than 100 MB/s
		v.run("output", program("output", fmt.Sprintf("command = \"/bin/sh\"\nargs = [\"-c\", \"yes | head -c %d\"]", amount), `
      logs {
        max_files     = 2
        max_file_size = 1
      }
      resources {
        cpu    = 500
        memory = 64
      }
`))
		v.Await("the flood to end", func(ctx context.Context) bool {
			v.unhurt("in the flood")
			for _, al := range v.Allocs(ctx, "output") {
				if size := v.diskOf(filepath.Join(al.ID, "alloc/logs")); size > 3<<20 {
					t.Errorf("its logs have %d bytes", size)
				}
				if al.ClientStatus == api.AllocClientComplete {
					s := al.TaskStates["t"]
					t.Logf("%d MB of output a second", int(amount/s.FinishedAt.Sub(*s.StartedAt).Seconds())>>20)
					return true
				}
			}
			return false
		})
	})
	v.t = t
	v.cleanedUp()
}

// processes counts those of a job, by its control groups: to look at each of a bomb's takes
// as long as it lets one.
func (v *victim) processes(job string) (most int) {
	for _, what := range v.Left(v.AllocIDs(job)) {
		_, dir, _ := strings.Cut(what, " ")
		if b, err := os.ReadFile(filepath.Join(dir, "cgroup.procs")); err == nil {
			most = max(most, strings.Count(string(b), "\n"))
		}
	}
	return most
}

// diskOf sums what is in a directory below those of allocations.
func (v *victim) diskOf(dir string) (bytes int64) {
	files, err := filepath.Glob(filepath.Join(v.Dir, "data/client/alloc", dir, "*"))
	if err != nil {
		v.t.Fatal(err)
	}
	for _, file := range files {
		if info, err := os.Stat(file); err == nil { // else it was removed meanwhile
			bytes += info.Size()
		}
	}
	return bytes
}
