package e2e

import (
	"context"
	"strings"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
	"github.com/droverhq/drover/test/cluster"
)

// newest waits until only one allocation of a job runs, on that node, and returns its ID.
func newest(t *testing.T, server *cluster.Agent, job, node string) (id string) {
	t.Helper()
	server.Await("the only instance of "+job+" to run on "+node, func(ctx context.Context) bool {
		allocs, _, err := server.Client.Jobs.Allocations(ctx, job, false, client.Query{})
		if err != nil {
			return false
		}
		running := 0
		for _, a := range allocs {
			if a.ClientStatus == api.AllocClientRunning {
				running++
				if a.NodeName == node {
					id = a.ID
				}
			}
		}
		return running == 1 && id != ""
	})
	return id
}

func TestTheFilesOfAnInstanceMoveToAnotherNode(t *testing.T) {
	t.Parallel()
	server := cluster.Start(t, cluster.Options{Role: cluster.Server})
	first := cluster.Start(t, cluster.Options{Role: cluster.Node, Server: server, Name: "first"})
	cluster.Start(t, cluster.Options{Role: cluster.Node, Server: server, Name: "second"})
	server.Must(0, "apply", "-var", "node=first", "keep.nomad.hcl")
	newest(t, server, "keep", "first")
	server.Must(0, "apply", "-var", "node=second", "keep.nomad.hcl")
	moved := newest(t, server, "keep", "second")
	server.Await("the instance to show what it found", func(context.Context) bool {
		return server.Must(0, "alloc", "logs", moved) == strings.Repeat("first\n", 2)
	})
	contains(t, server.Must(0, "alloc", "status", moved), "Ephemeral Disk", "Took over the files of allocation")

	// Once more, back: what was written on both nodes is there, and nothing twice.
	server.Must(0, "apply", "-var", "node=first", "keep.nomad.hcl")
	back := newest(t, server, "keep", "first")
	server.Await("the instance to show what it found", func(context.Context) bool {
		return server.Must(0, "alloc", "logs", back) == strings.Repeat("first\nsecond\n", 2)
	})
	if left := len(first.Processes()); left != 1 {
		t.Errorf("%d processes run on the first node", left)
	}
}
