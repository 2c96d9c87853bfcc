package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/droverhq/drover/api"
)

const scalable = `
job "scalable" {
  namespace = "dev"

  group "web" {
    count = 2

    scaling {
      min = 1
      max = 5

      policy {
        cooldown = "1m"
      }
    }

    update {
      min_healthy_time = "0s"
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

func TestNamespacesPoolsAndCountsAreTheOperators(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	check := func(name string, code int, args ...string) {
		t.Helper()
		golden(t, a, name, code, args...)
	}
	check("node-pool-list", 0, "node", "pool", "list")
	check("namespace-list", 0, "namespace", "list")
	check("namespace-apply", 0, "namespace", "apply", "-description", "dev team", "dev")
	check("namespace-status", 0, "namespace", "status", "dev")
	a.Must(0, "namespace", "apply", write("ops.hcl", `
name        = "ops"
description = "for machines"
meta        = { team = "sre" }
capabilities {
  enabled_task_drivers = ["docker"]
}
node_pool_config {
  allowed = ["gpu"]
}
`))
	check("namespace-status-capabilities", 0, "namespace", "status", "ops")
	sample := filepath.Join(dir, "pool.nomad.hcl")
	a.Must(0, "node", "pool", "init", sample)
	a.Must(1, "node", "pool", "init", sample)
	a.Must(0, "node", "pool", "apply", sample)
	check("node-pool-info", 0, "node", "pool", "info", "g")
	a.Must(0, "node", "pool", "apply", write("spread.hcl", `
node_pool "wide" {
  scheduler_config {
    scheduler_algorithm             = "spread"
    memory_oversubscription_enabled = true
  }
}
`))
	check("node-pool-info-scheduler", 0, "node", "pool", "info", "wide")
	check("scheduler-get-config", 0, "operator", "scheduler", "get-config")
	check("scheduler-set-config", 0, "operator", "scheduler", "set-config", "-scheduler-algorithm", "spread", "-preempt-batch-scheduler")
	check("scheduler-get-config-changed", 0, "operator", "scheduler", "get-config")
	check("scheduler-set-config-stale", 1, "operator", "scheduler", "set-config", "-check-index", "1", "-pause-eval-broker")
	check("node-pool-nodes", 0, "node", "pool", "nodes", "default")
	check("node-pool-delete-builtin", 1, "node", "pool", "delete", "default")
	a.Must(0, "node", "pool", "delete", "gpu")

	a.Must(0, "job", "run", write("scalable.nomad.hcl", scalable))
	a.Must(0, "job", "scale", "-namespace", "dev", "scalable", "3")
	check("job-scale-too-many", 1, "job", "scale", "-namespace", "dev", "scalable", "web", "6")
	check("job-scaling-events", 0, "job", "scaling-events", "-namespace", "dev", "scalable")
	check("job-scaling-events-verbose", 0, "job", "scaling-events", "-verbose", "-namespace", "dev", "scalable")
	check("scaling-policy-list", 0, "scaling", "policy", "list", "-namespace", "dev")
	if out := a.Must(0, "scaling", "policy", "list", "-namespace", "dev", "-t", "{{(index . 0).ID}}"); len(out) > 36 {
		check("scaling-policy-info", 0, "scaling", "policy", "info", out[:36])
	}
	check("job-allocs", 0, "job", "allocs", "-namespace", "dev", "scalable")
	check("namespace-delete-in-use", 1, "namespace", "delete", "dev")
	a.Must(0, "job", "stop", "-purge", "-namespace", "dev", "scalable")
	a.Must(0, "namespace", "delete", "dev")
	a.Must(0, "namespace", "delete", "ops")
	if out := a.Must(0, "namespace", "list", "-t", "{{len .}}"); out != "1\n" {
		t.Errorf("%s namespaces are left, besides %s", out, api.DefaultNamespace)
	}
}
