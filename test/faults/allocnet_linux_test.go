package faults

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
	"github.com/droverhq/drover/nodeagent/network/networktest"
	"github.com/droverhq/drover/test/cluster"
)

// networkKills is how often the agent is killed; DROVER_FAULTS=10 makes it 200.
const networkKills = 20

// steady serves files on a port of the node that leads into its own network.
const steady = `
job "steady" { group "g" { network { mode = "bridge"; port "http" { to = 80 } }
  task "t" { driver = "raw_exec"
    config { command = "python3"; args = ["-m", "http.server", "80"] }
    resources { cpu = 10; memory = 10 }
  } } }`

// joined is instances with a network of their own, whose command line has the version.
func joined(version int) string {
	return fmt.Sprintf(`
job "joined" { group "g" { count = 2
  update { max_parallel = 2; min_healthy_time = "50ms"; healthy_deadline = "1m"; progress_deadline = "2m" }
  network { mode = "bridge"; port "p" { to = -1 } }
  task "a" { driver = "raw_exec"; config { command = "/bin/sleep"; args = ["%d"] }; resources { cpu = 10; memory = 10 } }
  task "b" { driver = "raw_exec"; config { command = "/bin/sleep"; args = ["%[1]d"] }; resources { cpu = 10; memory = 10 } }
  } }`, rollingSeconds+version)
}

// brief is instances that end at once, with and without a bridge.
func brief(id, mode string) string {
	network := map[string]string{"bridge": `mode = "bridge"; port "p" {}`, "none": `mode = "none"`}[mode]
	return fmt.Sprintf(`
job "%s" { type = "batch"; group "g" { count = 2; network { %s }
  task "t" { driver = "raw_exec"; config { command = "/bin/true" }; resources { cpu = 1; memory = 10 } }
  } }`, id, network)
}

// page asks for the page of steady.
func page(ctx context.Context, a *cluster.Agent) error {
	for _, al := range a.Allocs(ctx, "steady") {
		if al.ClientStatus != api.AllocClientRunning {
			continue
		}
		full, _, err := a.Client.Allocations.Get(ctx, al.ID, client.Query{})
		if err != nil {
			return err
		}
		port := full.AllocatedResources.Shared.Ports[0]
		return cluster.Fetch(ctx, fmt.Sprintf("%s:%d", port.HostIP, port.Value))
	}
	return errors.New("no allocation of steady runs")
}

// It is not parallel to others: whatever is on the machine is its own.
func TestKilledAtAnyMomentNothingIsLeftOfNetworks(t *testing.T) {
	networktest.Need(t)
	r := seeded(t)
	a := cluster.Start(t, cluster.Options{Config: "client {\ncni_path = \"" + networktest.PluginFolder() + "\"\n}"})
	run := func(text string) { a.Must(0, "job", "run", "-detach", jobFile(t, text)) }
	run(brief("first", "bridge")) // makes what all share
	a.AwaitSummary("first", "complete", func(g api.TaskGroupSummary) bool { return g.Complete == 2 })
	before := networktest.List(t)

	run(steady)
	a.Await("the page", func(ctx context.Context) bool { return page(ctx, a) == nil })
	address := ownAddress(t, a)
	version := 0
	for i := range effort(t, networkKills) {
		if a.Cmd == nil {
			a.Launch()
		}
		if i%3 == 0 {
			a.AwaitReady()
			version++
			run(joined(version))
			run(brief(fmt.Sprintf("brief-%d", i), []string{"bridge", "none"}[i%2]))
		}
		<-moment(r, 1500*time.Millisecond)
		a.Kill()
	}
	a.Start()
	// What was begun and not ended by so many agents comes to its end first.
	settled := cluster.Poll(t.Context(), 3*cluster.Patience, func(context.Context) bool {
		c := a.CommandLines()
		return c[fmt.Sprintf("/bin/sleep %d", rollingSeconds+version)] == 4 && len(c) == 2
	})
	if !settled {
		t.Fatalf("there are not the instances of the last version, %d, and nothing else: %v", version, a.CommandLines())
	}
	if err := page(t.Context(), a); err != nil {
		t.Errorf("the page of who was not touched: %v", err)
	}
	if now := ownAddress(t, a); now != address {
		t.Errorf("the address of who was not touched was %s and is %s", address, now)
	}
	a.Must(0, "job", "stop", "-detach", "steady")
	a.Must(0, "job", "stop", "-detach", "joined")
	a.Await("all to end", func(ctx context.Context) bool {
		for _, job := range []string{"steady", "joined"} {
			for _, al := range a.Allocs(ctx, job) {
				if status := (api.AllocationStatus{ClientStatus: al.ClientStatus}); !status.Terminal() {
					return false
				}
			}
		}
		return true
	})
	// What an agent finds of allocations that nobody knows any more it removes beside its work.
	var left []string
	cluster.Poll(t.Context(), cluster.Patience/4, func(context.Context) bool {
		left = networktest.List(t).Since(before)
		return len(left) == 0
	})
	if len(left) > 0 {
		t.Errorf("left on the machine:\n%s", strings.Join(left, "\n"))
	}
}

// ownAddress returns where steady is in its own network.
func ownAddress(t *testing.T, a *cluster.Agent) string {
	t.Helper()
	allocs := a.Allocs(t.Context(), "steady")
	if len(allocs) != 1 {
		t.Fatalf("steady has %d allocations", len(allocs))
	}
	full, _, err := a.Client.Allocations.Get(t.Context(), allocs[0].ID, client.Query{})
	if err != nil {
		t.Fatal(err)
	}
	if full.NetworkStatus == nil || full.NetworkStatus.Address == "" {
		t.Fatalf("network status of steady: %+v", full.NetworkStatus)
	}
	return full.NetworkStatus.Address
}
