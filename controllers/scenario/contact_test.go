package scenario_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/scenario"
	"github.com/droverhq/drover/reconcile/reconciletest"
)

// withNodes makes a cluster of nodes that are in contact, with room for two instances each.
func withNodes(t *testing.T, names ...string) *scenario.Cluster {
	t.Helper()
	c := scenario.New(t, registerWithHealth)
	for _, name := range names {
		c.Put(scenario.NewNode(name, "dc1", "", 200, 4000))
		setContact(c, name, "connect")
	}
	c.Settle()
	return c
}

func run(t *testing.T, c *scenario.Cluster, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if _, err := c.Do(line); err != nil {
			t.Fatal(err)
		}
		c.Settle()
	}
}

func placed(c *scenario.Cluster) int {
	n := 0
	for range reconciletest.List[*api.Allocation](c.World) {
		n++
	}
	return n
}

// A node that is away for less than the grace; one whose instances are waited for; and
// one that comes back before there was room for their replacements, with room for these.
func TestANodeThatReconnectsCausesNoReplacementThatIsStoppedAMomentLater(t *testing.T) {
	for name, test := range map[string]struct {
		job  string
		away time.Duration
	}{
		"within the grace": {"run shop count=1", 9 * time.Second},
		"waited for":       {"run shop count=1 no_replace", time.Hour},
		"no room":          {"run shop count=1 lost_after=2h", time.Hour},
		"an index":         {"run shop type=batch indexed=1 lost_after=2h", time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := withNodes(t, "n1")
				run(t, c, test.job, "agents")
				setContact(c, "n1", "cut")
				c.Advance(test.away)
				setContact(c, "n1", "connect")
				run(t, c, "agents")
				c.Advance(time.Minute)
				run(t, c, "agents")
				if n := placed(c); n != 1 {
					t.Errorf("%d allocations were made, want the first alone", n)
				}
				if a := c.Latest("shop.web[0]"); !a.WantsRun() || a.Lost != "" {
					t.Errorf("it is %s, %q", a.DesiredStatus, a.Lost)
				}
			})
		})
	}
}

func TestANodeThatComesBackWhileWorkIsPlacedOnItStartsThatWorkAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := withNodes(t, "n1")
		run(t, c, "run first")
		setContact(c, "n1", "cut") // it never heard of what was placed on it
		c.Advance(30 * time.Second)
		run(t, c, "run second")
		setContact(c, "n1", "connect")
		c.Settle()
		run(t, c, "agents")
		for _, name := range []string{"first.web[0]", "second.web[0]"} {
			a := c.Latest(name)
			if a == nil {
				t.Fatalf("%s is not placed", name)
			}
			status, _ := reconciletest.Find[*api.AllocationStatus](c.World, (&api.AllocationStatus{ID: a.ID}).Key())
			if client, _ := api.ClientStatus(a, status); client != api.AllocClientRunning {
				t.Errorf("%s is %s", name, client)
			}
		}
	})
}
