package e2e

import (
	"cmp"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/test/cluster"
)

// Nodes of drover's own agents run no storage plugins, so nothing that asks for one comes to
// them.
func TestWhoAsksForACSIVolumeWaitsForItsPlugin(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	job, err := filepath.Abs("testdata/database.nomad.hcl")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, a, "volume-missing-plan", 1, "job", "plan", job)

	sample := filepath.Join(t.TempDir(), "volume.hcl")
	a.Must(0, "volume", "init", sample)
	a.Must(1, "volume", "init", sample)
	golden(t, a, "volume-register", 0, "volume", "register", sample)
	golden(t, a, "volume-status", 0, "volume", "status")
	golden(t, a, "volume-status-one", 0, "volume", "status", "data")
	golden(t, a, "volume-plan", 1, "job", "plan", job)
	golden(t, a, "plugin-status", 0, "plugin", "status")
	golden(t, a, "plugin-status-missing", 1, "plugin", "status", "ebs")
	golden(t, a, "volume-deregister", 0, "volume", "deregister", "database")
	golden(t, a, "volume-deregister-again", 1, "volume", "deregister", "database")
	golden(t, a, "volume-status-none", 0, "volume", "status")
}

func TestWhoFollowsAnInstanceGoesToItsStickyVolume(t *testing.T) {
	t.Parallel()
	server := cluster.Start(t, cluster.Options{Role: cluster.Server})
	for _, name := range []string{"first", "second", "third"} {
		cluster.Start(t, cluster.Options{
			Role: cluster.Node, Server: server, Name: name, Config: fmt.Sprintf("client {\nhost_volume \"data\" {\npath = %q\n}\n}", t.TempDir()),
		})
	}
	server.Must(0, "job", "run", "sticky.nomad.hcl")
	home := ""
	for n := range 3 {
		server.AwaitSummary("sticky", "running", func(g api.TaskGroupSummary) bool { return g.Running == 1 && g.Complete == n })
		for _, alloc := range server.Allocs(t.Context(), "sticky") {
			if home = cmp.Or(home, alloc.NodeName); alloc.NodeName != home {
				t.Fatalf("%s came to %s, its volume is on %s", alloc.Name, alloc.NodeName, home)
			}
			if alloc.DesiredStatus == api.AllocDesiredRun && n < 2 {
				server.Must(0, "alloc", "stop", "-detach", alloc.ID)
			}
		}
	}
	golden(t, server, "volume-claim-list", 0, "volume", "claim", "list", "-job", "sticky")
	id := server.Must(0, "volume", "claim", "list", "-t", "{{(index . 0).ID}}")
	golden(t, server, "volume-claim-delete", 0, "volume", "claim", "delete", "-y", id[:8])
	golden(t, server, "volume-claim-list-none", 0, "volume", "claim", "list")
}
