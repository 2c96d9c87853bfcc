package e2e

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
	"github.com/droverhq/drover/test/cluster"
)

// versions returns the job versions of the instances of the shop that are to run.
func versions(t *testing.T, a *cluster.Agent) []uint64 {
	t.Helper()
	var out []uint64
	for _, alloc := range a.Allocs(t.Context(), "shop") {
		if alloc.DesiredStatus == api.AllocDesiredRun && alloc.ClientStatus == api.AllocClientRunning {
			out = append(out, alloc.JobVersion)
		}
	}
	slices.Sort(out)
	return out
}

func TestFailingCheckHoldsARolloutUp(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	// A program that takes two seconds to listen is healthy after that.
	contains(t, a.Must(0, "job", "run", "-var", "delay=2", "shop.nomad.hcl"), "Deployment completed successfully")
	contains(t, a.Must(0, "service", "list"), "Service Name", "shop", "[0,1,blue]")

	out := a.Must(1, "job", "run", "-var", "path=/nowhere", "shop.nomad.hcl")
	contains(t, out, "Failed due to progress deadline", `check "open" of service shop: failure (status 404)`)
	if got := versions(t, a); !slices.Equal(got, []uint64{0, 1}) {
		t.Errorf("versions %v run: a failing one takes the place of no more than one", got)
	}
	d, _, err := a.Client.Jobs.LatestDeployment(t.Context(), "shop", client.Query{})
	if err != nil {
		t.Fatal(err)
	}
	if g := d.TaskGroups["web"]; g.UnhealthyAllocs != 1 || g.HealthyAllocs != 0 {
		t.Errorf("%d are unhealthy, %d healthy", g.UnhealthyAllocs, g.HealthyAllocs)
	}
	for _, alloc := range a.Allocs(t.Context(), "shop") {
		if alloc.JobVersion == 1 {
			contains(t, a.Must(0, "alloc", "checks", alloc.ID), "Status of 2 Nomad Service Checks", "failure", "StatusCode  =  404", "nomad: tcp ok")
			contains(t, a.Must(0, "alloc", "status", alloc.ID), "Nomad Service Checks", "healthiness  failure", "readiness    success", "unhealthy")
		}
	}
}

func TestServicesAreFoundAgainWhenTheAgentWasKilled(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	a.Must(0, "job", "run", "shop.nomad.hcl")
	before := a.Must(0, "service", "info", "shop")
	alloc := a.Allocs(t.Context(), "shop")[0].ID
	a.Kill()
	a.Start()
	a.Await("the checks to pass", func(ctx context.Context) bool {
		checks, err := a.Client.Allocations.Checks(ctx, alloc, client.Query{})
		if err != nil || len(checks) != 2 {
			return false
		}
		for _, c := range checks {
			if c.Status != api.CheckSuccess {
				return false
			}
		}
		return true
	})
	if after := a.Must(0, "service", "info", "shop"); after != before {
		t.Errorf("found before:\n%s\nand after the agent was killed:\n%s", before, after)
	}

	a.Must(0, "job", "stop", "shop")
	contains(t, a.Must(0, "service", "list"), "No service registrations found")
}

func TestServiceIsTakenOutOfTheRegisterByHand(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	a.Must(0, "job", "run", "shop.nomad.hcl")
	var found []*api.ServiceRegistration
	if err := json.Unmarshal([]byte(a.Must(0, "service", "info", "-json", "shop")), &found); err != nil || len(found) != 2 {
		t.Fatalf("%d instances, %v", len(found), err)
	}
	contains(t, a.Must(0, "service", "delete", "shop", found[0].ID), "Successfully deleted service registration")
	out := a.Must(0, "service", "info", "-verbose", "shop")
	contains(t, out, found[1].ID, "Datacenter   = dc1")
	if strings.Contains(out, found[0].ID) {
		t.Errorf("it is still found:\n%s", out)
	}
	contains(t, a.Must(1, "service", "delete", "shop", found[0].ID), "service registration not found")
}
