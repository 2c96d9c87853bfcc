package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
	"github.com/droverhq/drover/test/cluster"
)

// listening is a job of one instance that takes a port of its node.
const listening = `
job "%s" {
  type     = "batch"
  priority = %d

  group "web" {
    network {
      port "http" { static = %s }
    }

    task "t" {
      driver = "raw_exec"

      config {
        command = "/bin/sleep"
        args    = ["100000"]
      }

      resources {
        cpu    = 20
        memory = 20
      }
    }
  }
}
`

func TestAJobOfHigherPriorityTakesThePlaceOfAnother(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	port := cluster.FreePorts(t, 1)[0]
	file := func(name string, priority int) string {
		path := filepath.Join(t.TempDir(), "hello.nomad.hcl") // the name that figures know
		if err := os.WriteFile(path, fmt.Appendf(nil, listening, name, priority, port), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	a.Must(0, "job", "run", file("low", 20))
	a.AwaitSummary("low", "running", func(g api.TaskGroupSummary) bool { return g.Running == 1 })
	low := a.Allocs(t.Context(), "low")[0].ID
	high := file("high", 80)
	a.Must(0, "operator", "scheduler", "set-config", "-preempt-batch-scheduler")
	golden(t, a, "job-plan-preemption", 1, "job", "plan", high)
	a.Must(0, "job", "run", high)
	a.AwaitSummary("high", "running", func(g api.TaskGroupSummary) bool { return g.Running == 1 })
	a.Await("the end of low", func(ctx context.Context) bool {
		gone, _, err := a.Client.Allocations.Get(ctx, low, client.Query{})
		return err == nil && gone.ClientStatus == api.AllocClientComplete
	})
	golden(t, a, "alloc-status-preempted", 0, "alloc", "status", low)
	golden(t, a, "alloc-status-preemptor", 0, "alloc", "status", a.Allocs(t.Context(), "high")[0].ID)
	if out := a.Must(0, "eval", "list", "-job", "low"); !strings.Contains(out, api.TriggerPreemption) {
		t.Errorf("no evaluation tells of the preemption:\n%s", out)
	}
	a.AwaitSummary("low", "queued", func(g api.TaskGroupSummary) bool { return g.Queued == 1 })

	a.Must(0, "job", "stop", "-purge", "high")
	a.AwaitSummary("low", "running again", func(g api.TaskGroupSummary) bool { return g.Running == 1 })
}
