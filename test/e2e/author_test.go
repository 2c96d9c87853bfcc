package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
	"github.com/droverhq/drover/test/cluster"
)

const nodeJob = `
kind "node_job" "gpus" {
  key = "gpu"
  job = "scan"
}
`

const scanJob = `
job "scan" {
  type = "batch"
  parameterized {}
  group "scan" {
    task "scan" {
      driver = "raw_exec"
      config {
        command = "/bin/sleep"
        args    = ["600"]
      }
      resources {
        cpu    = 20
        memory = 20
      }
    }
  }
}
`

// outside starts the example's controller as a program of its own.
func outside(t *testing.T, a *cluster.Agent) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "nodejob")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../examples/nodejob/cmd/nodejob")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	var said strings.Builder
	c := exec.Command(program)
	c.Env = append(os.Environ(), "DROVER_ADDR="+a.Client.Address())
	c.Stdout, c.Stderr = &said, &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Process.Signal(syscall.SIGTERM); err != nil {
			t.Errorf("end the program: %v", err)
		}
		if err := c.Wait(); err != nil {
			t.Errorf("the program ended with %v\n%s", err, said.String())
		}
	})
}

func TestAControllerOutsideOfTheServersKeepsAJobOnEveryNodeWithAKey(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	dir := t.TempDir()
	for name, text := range map[string]string{"gpus.kind.hcl": nodeJob, "scan.nomad.hcl": scanJob} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	contains(t, a.Must(0, "apply", "../../../examples/nodejob/node_job.kind.hcl"), `kind "node_job" created`)
	contains(t, a.Must(0, "apply", "-detach", dir), `node_job "gpus" created`, `job "scan" submitted`)
	outside(t, a)

	nodes, _, err := a.Client.Nodes.List(t.Context(), false, client.Query{})
	if err != nil || len(nodes) != 1 {
		t.Fatalf("nodes: %v, %v", nodes, err)
	}
	copyID := "gpus-" + nodes[0].ID
	a.Must(0, "node", "meta", "apply", "-node-id", nodes[0].ID, "gpu=a100")
	a.Await("the copy runs", func(ctx context.Context) bool {
		allocs, _, err := a.Client.Jobs.Allocations(ctx, copyID, true, client.Query{})
		return err == nil && len(allocs) == 1 && allocs[0].ClientStatus == api.AllocClientRunning && allocs[0].NodeID == nodes[0].ID
	})
	contains(t, a.Must(0, "get", "node_job", "gpus"), "Status", `"nodes": 1`)
	a.Must(0, "node", "meta", "apply", "-node-id", nodes[0].ID, "-unset", "gpu")
	a.Await("the copy is stopped", func(ctx context.Context) bool {
		job, _, err := a.Client.Jobs.Get(ctx, copyID, client.Query{})
		return err == nil && job.Stopped() && len(a.Processes()) == 0
	})
	contains(t, a.Must(1, "delete", "kind_definition", "node_job"), "in use", "default/gpus")
	contains(t, a.Must(0, "delete", "node_job", "gpus"), "deleted")
	contains(t, a.Must(0, "delete", "kind_definition", "node_job"), "deleted")
}
