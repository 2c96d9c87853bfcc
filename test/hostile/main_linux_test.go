package hostile

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
	"github.com/droverhq/drover/test/cluster"
)

func TestMain(m *testing.M) { cluster.Main(m) }

// victim is an agent with a task that goes on, beside those that mean harm.
type victim struct {
	*cluster.Agent
	t       *testing.T
	address string // of the neighbour's page
	outside string // a directory of the node that no task has to do with
	shims   int    // of the neighbour
	jobs    []string
}

const neighbour = `
job "neighbour" {
  group "g" {
    network {
      port "http" {}
    }
    task "t" {
      driver = "exec"
      config {
        command = "python3"
        args    = ["-m", "http.server", "${NOMAD_PORT_http}"]
      }
      resources {
        cpu    = 200
        memory = 64
      }
    }
  }
}
`

const untouched = "untouched"

// newVictim starts an agent and the neighbour. At the end of the test the neighbour still
// answers and is the same, and of the others nothing is left.
func newVictim(t *testing.T, config string) *victim {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("not root: tasks are not set apart, and what hostile ones can do was not tried")
	}
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("no python3: what hostile tasks can do was not tried")
	}
	v := &victim{Agent: cluster.Start(t, cluster.Options{Config: config}), t: t, outside: t.TempDir()}
	if err := os.WriteFile(filepath.Join(v.outside, "file"), []byte(untouched), 0o666); err != nil {
		t.Fatal(err)
	}
	v.run("neighbour", neighbour)
	v.Await("the neighbour to answer", func(ctx context.Context) bool {
		for _, al := range v.Allocs(ctx, "neighbour") {
			full, _, err := v.Client.Allocations.Get(ctx, al.ID, client.Query{})
			if err == nil && len(full.AllocatedResources.Shared.Ports) == 1 {
				port := full.AllocatedResources.Shared.Ports[0]
				v.address = fmt.Sprintf("%s:%d", port.HostIP, port.Value)
			}
		}
		return v.address != "" && cluster.Fetch(ctx, v.address) == nil
	})
	v.shims = len(v.Shims())
	return v
}

// run runs a job.
func (v *victim) run(id, text string) {
	v.t.Helper()
	path := filepath.Join(v.t.TempDir(), id+".nomad.hcl")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		v.t.Fatal(err)
	}
	v.Must(0, "job", "run", "-detach", path)
	v.jobs = append(v.jobs, id)
}

// unhurt expects that the neighbour and the agent answer, and that outside nothing is
// changed.
func (v *victim) unhurt(what string) {
	v.t.Helper()
	if err := cluster.Fetch(v.t.Context(), v.address); err != nil {
		v.t.Errorf("%s: the neighbour: %v", what, err)
	}
	if allocs := v.Allocs(v.t.Context(), "neighbour"); len(allocs) != 1 || allocs[0].TaskStates["t"].Restarts != 0 {
		v.t.Errorf("%s: the neighbour has not just gone on: %d allocations", what, len(allocs))
	}
	entries, err := os.ReadDir(v.outside)
	if err != nil || len(entries) != 1 {
		v.t.Errorf("%s: outside there is %v, %v", what, entries, err)
	}
	if b, err := os.ReadFile(filepath.Join(v.outside, "file")); err != nil || string(b) != untouched {
		v.t.Errorf("%s: outside the file holds %q, %v", what, b, err)
	}
}

// ends waits until the only allocation of a job has ended, and returns it. The others are
// unhurt meanwhile.
func (v *victim) ends(id string) *api.AllocationListStub {
	v.t.Helper()
	var ended *api.AllocationListStub
	v.Await(id+" to end", func(ctx context.Context) bool {
		v.unhurt("while " + id + " runs")
		for _, al := range v.Allocs(ctx, id) {
			if status := (api.AllocationStatus{ClientStatus: al.ClientStatus}); status.Terminal() {
				ended = al
			}
		}
		return ended != nil
	})
	return ended
}

// endsOrGoesOn waits until the task of a job has been started a second time, or has failed.
func (v *victim) endsOrGoesOn(id string) {
	v.t.Helper()
	v.Await(id+" to have had its second start", func(ctx context.Context) bool {
		v.unhurt("beside " + id)
		for _, al := range v.Allocs(ctx, id) {
			s := al.TaskStates["t"]
			return s != nil && (s.State == api.TaskStateDead || s.Restarts == 1 && s.State == api.TaskStateRunning)
		}
		return false
	})
}

// cleanedUp stops all jobs but the neighbour, and expects that nothing is left of them.
func (v *victim) cleanedUp() {
	v.t.Helper()
	hostile := v.jobs[1:]
	ids := v.AllocIDs(hostile...)
	for _, id := range hostile {
		v.Must(0, "job", "stop", "-purge", "-detach", id)
	}
	var left []string
	cluster.Poll(v.t.Context(), cluster.Patience, func(context.Context) bool {
		v.Must(0, "system", "gc")
		left = left[:0]
		for _, what := range v.Left(ids) { // the neighbour has mounts
			for id := range ids {
				if strings.Contains(what, id) {
					left = append(left, what)
				}
			}
		}
		return len(left) == 0 && len(v.Shims()) == v.shims
	})
	if shims := v.Shims(); len(left) > 0 || len(shims) != v.shims {
		v.t.Errorf("%d shims for the neighbour alone, which has %d; left on the machine:\n%s", len(shims), v.shims, strings.Join(left, "\n"))
	}
	v.unhurt("in the end")
}

// events is what the events of a task say.
func events(s *api.TaskState) string {
	var text strings.Builder
	for _, e := range s.Events {
		fmt.Fprintf(&text, "%s: %s\n", e.Type, e.DisplayMessage)
	}
	return text.String()
}
