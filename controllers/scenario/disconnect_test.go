package scenario_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/allocation"
	"github.com/droverhq/drover/controllers/deployment"
	"github.com/droverhq/drover/controllers/job"
	"github.com/droverhq/drover/controllers/nodehealth"
	"github.com/droverhq/drover/controllers/scenario"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/reconcile/reconciletest"
)

func registerWithHealth(m *reconcile.Manager) error {
	return errors.Join(
		job.Register(m, job.Options{WholeBelow: 1}), allocation.Register(m, allocation.Options{}),
		deployment.Register(m, deployment.Options{}), nodehealth.Register(m, nodehealth.Options{}),
	)
}

// contactHistory is what happens to jobs whose nodes lose contact and find it again.
var contactHistory = rapid.SliceOfN(rapid.OneOf(
	rapid.Custom(func(t *rapid.T) string {
		return fmt.Sprintf("%s n%d", rapid.SampledFrom([]string{"cut", "cut", "connect", "leave"}).Draw(t, "contact"), rapid.IntRange(1, 3).Draw(t, "node"))
	}),
	rapid.Custom(func(t *rapid.T) string {
		name := rapid.SampledFrom([]string{"service", "batch", "system"}).Draw(t, "job")
		line := fmt.Sprintf("run %s type=%s count=%d env=%d kill=%ds min_healthy=1s delay=5s", name, name,
			rapid.IntRange(0, 3).Draw(t, "count"), rapid.IntRange(1, 2).Draw(t, "env"), rapid.IntRange(5, 6).Draw(t, "kill"))
		line += rapid.SampledFrom([]string{"", " lost_after=1m", " lost_after=10m", " lost_after=10m"}).Draw(t, "patience")
		line += rapid.SampledFrom([]string{"", "", " no_replace"}).Draw(t, "replace")
		return line + rapid.SampledFrom([]string{"", " reconcile=keep_original", " reconcile=keep_replacement", " reconcile=longest_running"}).Draw(t, "strategy")
	}),
	rapid.SampledFrom([]string{"agents", "agents", "agents", "advance 1s", "advance 15s", "advance 2m", "restart", "stop service", "stop batch"}),
	rapid.Custom(func(t *rapid.T) string {
		return fmt.Sprintf("%s %s[%d]", rapid.SampledFrom([]string{"fail", "complete", "migrate"}).Draw(t, "verb"),
			rapid.SampledFrom([]string{"service.web", "batch.web"}).Draw(t, "group"), rapid.IntRange(0, 2).Draw(t, "slot"))
	}),
), 5, 40)

// Whatever happens to the contact with nodes: no place is held by two that run and can
// be reached; and when all is quiet, everything that was unknown runs or has ended, and
// of each group as many run as it wants.
func TestDisconnectedAllocationsAlwaysReachAnEnd(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		lines := contactHistory.Draw(rt, "history")
		var broken error
		synctest.Test(t, func(t *testing.T) { broken = loseAndFind(scenario.New(t, registerWithHealth), lines) })
		if broken != nil {
			rt.Fatal(broken)
		}
	})
}

func loseAndFind(c *scenario.Cluster, lines []string) error {
	for n := 1; n <= 3; n++ {
		c.Put(scenario.NewNode(fmt.Sprintf("n%d", n), "dc1", "", 4000, 4000))
		setContact(c, fmt.Sprintf("n%d", n), "connect")
	}
	c.Settle()
	for n, line := range lines {
		verb, rest, _ := strings.Cut(line, " ")
		switch verb {
		case "cut", "connect", "leave":
			setContact(c, rest, verb)
		case "fail", "complete", "migrate":
			if a := c.Latest(rest); a == nil || !reachable(c, a) {
				continue
			}
			if _, err := c.Do(line); err != nil {
				return err
			}
		case "stop":
			if _, ok := reconciletest.Find[*api.Job](c.World, api.JobKey(api.DefaultNamespace, rest)); !ok {
				continue
			}
			c.Stop(rest, false)
		default:
			if _, err := c.Do(line); err != nil {
				return err
			}
		}
		c.Settle()
		if err := oneHolderEach(c); err != nil {
			return fmt.Errorf("after step %d, %s: %w", n, line, err)
		}
	}
	return comesToRest(c)
}

// setContact lets the session of a node begin, end, or end in order.
func setContact(c *scenario.Cluster, node, verb string) {
	c.Put(&api.NodeSession{NodeID: node, Connected: verb == "connect", Graceful: verb == "leave", Since: c.Now().UnixNano()})
}

// reachable reports whether a node agent could say something of an allocation now, and
// its task could end.
func reachable(c *scenario.Cluster, a *api.Allocation) bool {
	session, _ := reconciletest.Find[*api.NodeSession](c.World, (&api.NodeSession{NodeID: a.NodeID}).Key())
	status, _ := reconciletest.Find[*api.AllocationStatus](c.World, (&api.AllocationStatus{ID: a.ID}).Key())
	return session.Connected && status != nil && !status.Terminal() && a.WantsRun()
}

// holders counts those that are to run and are known to be able to, by place.
func holders(c *scenario.Cluster) map[string]int {
	out := map[string]int{}
	for a := range reconciletest.List[*api.Allocation](c.World) {
		status, _ := reconciletest.Find[*api.AllocationStatus](c.World, (&api.AllocationStatus{ID: a.ID}).Key())
		if !a.WantsRun() || status.Terminal() || a.Lost != "" {
			continue
		}
		place := a.Name
		if a.JobType == api.JobTypeSystem {
			place += "@" + a.NodeID
		}
		out[place]++
	}
	return out
}

func oneHolderEach(c *scenario.Cluster) error {
	for place, n := range holders(c) {
		if n > 1 {
			return fmt.Errorf("%s is held by %d at once", place, n)
		}
	}
	return nil
}

// comesToRest brings all nodes but one back, lets time pass, and looks at what became of
// everything.
func comesToRest(c *scenario.Cluster) error {
	for n := 1; n <= 2; n++ {
		setContact(c, fmt.Sprintf("n%d", n), "connect")
	}
	setContact(c, "n3", "cut")
	for range 20 {
		c.Agents()
		c.Advance(2 * time.Minute)
	}
	live := holders(c)
	for a := range reconciletest.List[*api.Allocation](c.World) {
		version := reconciletest.Get[*api.JobVersion](c.World, api.JobVersionKey(a.Namespace, a.JobID, a.JobVersion))
		group := version.Job.Group(a.TaskGroup)
		waitsForEver := !group.ReplacesDisconnected() && group.LostAfter() == 0 && a.NodeID == "n3" && a.WantsRun()
		if a.Lost == api.AllocClientUnknown && !waitsForEver {
			return fmt.Errorf("%s on %s is still unknown", a.Name, a.NodeID)
		}
		if a.Lost == api.AllocClientUnknown && a.NextAllocation == "" { // else a later version has replaced it after all
			live[a.Name]++
		}
	}
	if err := oneHolderEach(c); err != nil {
		return err
	}
	for j := range reconciletest.List[*api.Job](c.World) {
		if j.Stopped() || j.IsSystem() || j.IsBatch() {
			continue
		}
		for slot := range api.Deref(j.TaskGroups[0].Count) {
			if name := api.AllocName(*j.ID, "web", slot); live[name] != 1 {
				return fmt.Errorf("%s is held by %d", name, live[name])
			}
		}
	}
	return nil
}
