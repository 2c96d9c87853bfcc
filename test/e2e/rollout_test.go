package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
	"github.com/droverhq/drover/test/cluster"
)

// service is a jobspec of three instances. update is what else its update block says,
// script what the instances run.
func service(t *testing.T, update, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "service.nomad.hcl")
	text := fmt.Sprintf(`job "service" {
  group "web" {
    count = 3

    update {
      max_parallel      = 1
      health_check      = "task_states"
      min_healthy_time  = "500ms"
      healthy_deadline  = "10s"
      progress_deadline = "15s"
      auto_revert       = true
      %s
    }

    restart {
      attempts = 0
      mode     = "fail"
    }

    reschedule {
      delay          = "1s"
      delay_function = "constant"
      unlimited      = true
    }

    task "serve" {
      driver = "raw_exec"

      config {
        command = "/bin/sh"
        args    = ["-c", %q]
      }

      resources {
        cpu    = 20
        memory = 20
      }
    }
  }
}
`, update, script)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const (
	serves  = "exec sleep 100000"
	crashes = "sleep 0.1; exit 1"
)

// watchService polls the allocations of the service until the returned function is
// called: each time at least so many instances of a version that is not bad have to
// run. It returns how often it looked.
func watchService(t *testing.T, server *cluster.Agent, least int, bad uint64) (stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	looks := 0
	var watching sync.WaitGroup
	watching.Go(func() {
		q := client.Query{}
		for ctx.Err() == nil {
			allocs, meta, err := server.Client.Jobs.Allocations(ctx, "service", false, q)
			if err != nil {
				q.WaitIndex = 0 // the server is being started again
				continue
			}
			looks++
			if n := serving(allocs, bad); n < least {
				t.Errorf("only %d instances serve, %d are to: %s", n, least, inWords(allocs))
				return
			}
			q.WaitIndex = meta.LastIndex
		}
	})
	return func() int {
		cancel()
		watching.Wait()
		return looks
	}
}

// serving counts the instances that run, and are not of a bad version.
func serving(allocs []*api.AllocationListStub, bad uint64) int {
	n := 0
	for _, a := range allocs {
		if a.JobVersion != bad && a.DesiredStatus == api.AllocDesiredRun && a.ClientStatus == api.AllocClientRunning {
			n++
		}
	}
	return n
}

func inWords(allocs []*api.AllocationListStub) string {
	var out []string
	for _, a := range allocs {
		out = append(out, fmt.Sprintf("%s v%d %s %s", a.Name, a.JobVersion, a.DesiredStatus, a.ClientStatus))
	}
	return strings.Join(out, ", ")
}

// awaitRollout waits until the rollout of a version of the service is in a state, and
// returns it.
func awaitRollout(server *cluster.Agent, version uint64, what string, is func(*api.Deployment) bool) *api.Deployment {
	var found *api.Deployment
	server.Await(fmt.Sprintf("version %d to be %s", version, what), func(ctx context.Context) bool {
		all, _, err := server.Client.Jobs.Deployments(ctx, "service", client.Query{})
		if err != nil {
			return false
		}
		for _, d := range all {
			if d.JobVersion == version && is(d) {
				found = d
				return true
			}
		}
		return false
	})
	return found
}

func successful(d *api.Deployment) bool { return d.Status == api.DeploymentSuccessful }
func failed(d *api.Deployment) bool     { return d.Status == api.DeploymentFailed }

// goesBack expects that the failed version 1 was taken back, by a version 2 that is
// the end of it.
func goesBack(t *testing.T, server *cluster.Agent) {
	t.Helper()
	d := awaitRollout(server, 1, "failed", failed)
	if want := "Failed due to progress deadline - rolling back to job version 0"; d.StatusDescription != want {
		t.Errorf("it says %q, want %q", d.StatusDescription, want)
	}
	awaitRollout(server, 2, "rolled out", successful)
	allocs := server.Allocs(t.Context(), "service")
	if n := serving(allocs, 1); n != 3 {
		t.Errorf("%d instances serve at the end: %s", n, inWords(allocs))
	}
	for _, a := range allocs {
		if a.JobVersion == 1 && a.DesiredStatus == api.AllocDesiredRun {
			t.Errorf("%s of version 1 is wanted still", a.Name)
		}
	}
	versions, _, err := server.Client.Jobs.Versions(t.Context(), "service", false, client.Query{})
	if err != nil {
		t.Fatal(err)
	}
	if len(versions.Versions) != 3 || !*versions.Versions[0].Stable || *versions.Versions[1].Stable {
		t.Errorf("%d versions, 2 is stable: %v, 1: %v", len(versions.Versions), *versions.Versions[0].Stable, *versions.Versions[1].Stable)
	}
}

func TestACanaryThatCrashesIsTakenBackAndNobodyNotices(t *testing.T) {
	t.Parallel()
	server := newAgent(t)
	server.Must(0, "job", "run", service(t, "canary = 1", serves))
	stop := watchService(t, server, 3, 1)
	out := server.Must(0, "job", "run", "-detach", service(t, "canary = 1", crashes))
	contains(t, out, "Job registration successful")
	awaitRollout(server, 1, "tried out", func(d *api.Deployment) bool { return d.TaskGroups["web"].UnhealthyAllocs > 0 })
	contains(t, server.Must(0, "job", "status", "service"), "Deployment is running but requires manual promotion", "Canaries")
	contains(t, server.Must(1, "job", "promote", "service"), "0 healthy canaries of 1")
	goesBack(t, server)
	if looks := stop(); looks < 5 {
		t.Errorf("it was only looked %d times", looks)
	}
}

func TestARolloutThatCrashesIsTakenBackThoughTheServerDies(t *testing.T) {
	t.Parallel()
	server := cluster.Start(t, cluster.Options{Role: cluster.Server})
	cluster.Start(t, cluster.Options{Role: cluster.Node, Server: server})
	server.Must(0, "job", "run", service(t, "", serves))
	stop := watchService(t, server, 2, 1) // max_parallel may be missing
	server.Must(0, "job", "run", "-detach", service(t, "", crashes))
	awaitRollout(server, 1, "tried", func(d *api.Deployment) bool { return d.TaskGroups["web"].UnhealthyAllocs > 0 })
	server.Kill()
	server.Start()
	goesBack(t, server)
	if looks := stop(); looks < 5 {
		t.Errorf("it was only looked %d times", looks)
	}
}

func TestCanariesThatArePromotedTakeOver(t *testing.T) {
	t.Parallel()
	server := newAgent(t)
	server.Must(0, "job", "run", service(t, "canary = 3", serves))
	stop := watchService(t, server, 3, 99)
	server.Must(0, "job", "run", "-detach", service(t, "canary = 3", serves+" 1"))
	green := awaitRollout(server, 1, "healthy", func(d *api.Deployment) bool { return d.TaskGroups["web"].HealthyAllocs == 3 })
	if n := len(server.Processes()); n != 6 {
		t.Errorf("%d instances stand side by side, want 6", n)
	}
	server.Kill()
	server.Start()
	contains(t, server.Must(0, "deployment", "promote", green.ID), "Deployment completed successfully")
	awaitRollout(server, 1, "rolled out", successful)
	server.Await("the old instances to end", func(context.Context) bool { return len(server.Processes()) == 3 })
	contains(t, server.Must(0, "job", "history", "-p", "service"), "Stable      = true", `"exec sleep 100000" => "exec sleep 100000 1"`)
	if looks := stop(); looks < 3 {
		t.Errorf("it was only looked %d times", looks)
	}
}
