package e2e

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
	"github.com/droverhq/drover/test/cluster"
)

// twoNodes starts a server and two nodes, and runs the job movable on the first.
func twoNodes(t *testing.T) (server, first, second *cluster.Agent) {
	t.Helper()
	server = cluster.Start(t, cluster.Options{Role: cluster.Server})
	first = cluster.Start(t, cluster.Options{Role: cluster.Node, Server: server, Name: "first"})
	server.Must(0, "apply", "movable.nomad.hcl")
	second = cluster.Start(t, cluster.Options{Role: cluster.Node, Server: server, Name: "second"})
	return server, first, second
}

// nodeID is the ID of the node of a name.
func nodeID(t *testing.T, server *cluster.Agent, name string) string {
	t.Helper()
	nodes, _, err := server.Client.Nodes.List(t.Context(), false, client.Query{})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		if n.Name == name {
			return n.ID
		}
	}
	t.Fatalf("there is no node %s", name)
	return ""
}

// fewest watches a job until the returned function is called, which tells how few of
// its instances ran at any time.
func fewest(t *testing.T, server *cluster.Agent, job string) (stop func() int) {
	ctx, cancel := context.WithCancel(t.Context())
	least := -1
	var watching sync.WaitGroup
	watching.Go(func() {
		q := client.Query{}
		for ctx.Err() == nil {
			allocs, meta, err := server.Client.Jobs.Allocations(ctx, job, false, q)
			if err != nil {
				q.WaitIndex = 0 // the server is being started again
				continue
			}
			running := 0
			for _, a := range allocs {
				if a.ClientStatus == api.AllocClientRunning {
					running++
				}
			}
			if least < 0 || running < least {
				least = running
			}
			q.WaitIndex = meta.LastIndex
		}
	})
	return func() int {
		cancel()
		watching.Wait()
		return least
	}
}

// allMoved expects that nothing is left on one node, and all on the other before long.
func allMoved(t *testing.T, from, to *cluster.Agent) {
	t.Helper()
	if left := len(from.Processes()); left != 0 {
		t.Errorf("%d instances run on the drained node", left)
	}
	to.Await("all instances to run on the other node", func(context.Context) bool { return len(to.Processes()) == 3 })
}

func TestADrainMovesAServiceInstanceByInstance(t *testing.T) {
	t.Parallel()
	server, first, second := twoNodes(t)
	stop := fewest(t, server, "movable")
	out := server.Must(0, "node", "drain", "-enable", "-yes", "-deadline", "5m", "-m", "new disks", nodeID(t, server, "first"))
	contains(t, out, "Ctrl-C to stop monitoring: will not cancel the node drain", "drain strategy set",
		"status running -> complete", "Drain complete for node ", "All allocations on node ")
	if n := strings.Count(out, "marked for migration"); n != 3 {
		t.Errorf("%d allocations are marked, want 3:\n%s", n, out)
	}
	allMoved(t, first, second)
	if least := stop(); least < 2 {
		t.Errorf("of 3 instances only %d ran at some time; one may be missing", least)
	}
	contains(t, server.Must(0, "node", "status", nodeID(t, server, "first")), "Node drain complete", "ineligible")
	server.Must(0, "node", "drain", "-disable", "-yes", nodeID(t, server, "first"))
	contains(t, server.Must(0, "node", "status", nodeID(t, server, "first")), "Node marked as eligible for scheduling")
	contains(t, server.Must(1, "node", "eligibility", "-disable", "-self"), "is no node")
	contains(t, server.Must(1, "node", "eligibility", "-disable"), "Which node?")
}

func TestADrainGoesOnAfterTheServerWasKilled(t *testing.T) {
	t.Parallel()
	server, first, second := twoNodes(t)
	id := nodeID(t, server, "first")
	stop := fewest(t, server, "movable")
	contains(t, server.Must(0, "node", "drain", "-enable", "-yes", "-detach", id), "drain strategy set")
	second.Await("the first instance to have moved", func(context.Context) bool { return len(second.Processes()) > 0 })
	server.Kill()
	server.Start()
	server.Await("the drain to be complete", func(ctx context.Context) bool {
		n, _, err := server.Client.Nodes.Get(ctx, id, client.Query{})
		return err == nil && n.DrainStrategy == nil && n.LastDrain.Status == api.DrainComplete
	})
	allMoved(t, first, second)
	if least := stop(); least < 2 {
		t.Errorf("of 3 instances only %d ran at some time; one may be missing", least)
	}
}

func TestMetaThatIsSetPlacesWhatWaitsForItAndOutlivesTheAgent(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	a.Must(0, "job", "run", "-detach", "fast-disk.nomad.hcl")
	a.AwaitSummary("fast-disk", "waiting", func(g api.TaskGroupSummary) bool { return g.Queued == 1 })
	a.Must(0, "node", "meta", "apply", "disk=ssd")
	a.AwaitSummary("fast-disk", "running", func(g api.TaskGroupSummary) bool { return g.Running == 1 && g.Queued == 0 })
	a.Kill()
	a.Start()
	a.Await("the meta to be there again", func(context.Context) bool {
		out, code := a.Drover("node", "meta", "read")
		return code == 0 && strings.Contains(out, "Dynamic Meta\ndisk = ssd\n")
	})
	a.AwaitSummary("fast-disk", "running still", func(g api.TaskGroupSummary) bool { return g.Running == 1 })
}

func TestAPurgedNodeThatIsConnectedComesBack(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	a.Must(0, "apply", "movable.nomad.hcl")
	contains(t, a.Must(0, "node", "purge", "-yes", nodeID(t, a, "node-1")), "purged", "registers anew")
	a.AwaitNode(api.NodeReady)
	a.AwaitSummary("movable", "running", func(g api.TaskGroupSummary) bool { return g.Running == 3 })
	a.Await("three processes", func(context.Context) bool { return len(a.Processes()) == 3 })
}
