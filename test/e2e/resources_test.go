package e2e

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/test/cluster"
)

func TestATaskThatAsksForACoreRunsOnIt(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	a.Must(0, "job", "run", "cores.nomad.hcl")
	a.AwaitSummary("cores", "complete", func(g api.TaskGroupSummary) bool { return g.Complete == 1 })
	id := a.Allocs(t.Context(), "cores")[0].ID
	var alloc api.Allocation
	if err := json.Unmarshal([]byte(a.Must(0, "alloc", "status", "-json", id)), &alloc); err != nil {
		t.Fatal(err)
	}
	got := alloc.AllocatedResources.Tasks["one"].Cpu
	if len(got.ReservedCores) != 1 || got.CpuShares == 0 {
		t.Fatalf("the task has %+v", got)
	}
	want := fmt.Sprintf("%d\nCpus_allowed_list:\t%d\n", got.ReservedCores[0], got.ReservedCores[0])
	if out := a.Must(0, "alloc", "logs", id); out != want {
		t.Errorf("the task says %q, want %q", out, want)
	}
	contains(t, a.Must(0, "alloc", "status", "-verbose", id), "numa-affinity")
	contains(t, a.Must(2, "job", "run", "-var", "cores=5000", "cores.nomad.hcl"), `Dimension "cores" exhausted on 1 nodes`)
}

func TestAJobThatAsksForDevicesWaitsForANodeThatHasThem(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	contains(t, a.Must(2, "job", "run", "training.nomad.hcl"), `Constraint "missing devices": 1 nodes excluded by filter`)
}

func TestEachInstanceGoesToTheNodeThatHasItsVolume(t *testing.T) {
	t.Parallel()
	server := cluster.Start(t, cluster.Options{Role: cluster.Server})
	for i, name := range []string{"first", "second"} {
		cluster.Start(t, cluster.Options{
			Role: cluster.Node, Server: server, Name: name,
			Config: fmt.Sprintf("client {\nhost_volume \"data[%d]\" {\npath = %q\n}\n}", i, t.TempDir()),
		})
	}
	server.Must(0, "job", "run", "store.nomad.hcl")
	server.AwaitSummary("store", "complete", func(g api.TaskGroupSummary) bool { return g.Complete == 2 })
	for _, alloc := range server.Allocs(t.Context(), "store") {
		if want := map[string]string{"store.g[0]": "first", "store.g[1]": "second"}[alloc.Name]; alloc.NodeName != want {
			t.Errorf("%s is on %s, want %s", alloc.Name, alloc.NodeName, want)
		}
	}
	contains(t, server.Must(2, "job", "scale", "store", "3"), `Constraint "missing compatible host volumes": 2 nodes excluded by filter`)
}
