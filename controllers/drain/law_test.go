package drain_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/scenario"
	"github.com/droverhq/drover/reconcile/reconciletest"
	"github.com/droverhq/drover/store"
)

var nodeName = rapid.SampledFrom([]string{"n1", "n2", "n3", "n4"})

// history is what operators, users, nodes and tasks do to a cluster whose nodes are
// drained now and then.
var history = rapid.SliceOfN(rapid.OneOf(
	rapid.Custom(func(t *rapid.T) string {
		return fmt.Sprintf("drain %s deadline=%s%s", nodeName.Draw(t, "node"),
			rapid.SampledFrom([]string{"0s", "1m", "10m", "1h", "-1s"}).Draw(t, "deadline"),
			rapid.SampledFrom([]string{"", "", " ignore_system"}).Draw(t, "ignore"))
	}),
	rapid.Custom(func(t *rapid.T) string {
		return "undrain " + nodeName.Draw(t, "node") + rapid.SampledFrom([]string{" eligible", ""}).Draw(t, "eligible")
	}),
	rapid.Custom(func(t *rapid.T) string {
		return fmt.Sprintf("node %s cpu=1000%s", nodeName.Draw(t, "node"), rapid.SampledFrom([]string{"", "", " down"}).Draw(t, "state"))
	}),
	rapid.Custom(func(t *rapid.T) string {
		name := rapid.SampledFrom([]string{"s1", "s2", "b1", "y1", "z1"}).Draw(t, "job")
		return fmt.Sprintf("run %s count=%d cpu=%d env=%d parallel=%d migrate=%d min_healthy=10s delay=1s%s", name,
			rapid.IntRange(0, 5).Draw(t, "count"), rapid.SampledFrom([]int{50, 200, 400}).Draw(t, "cpu"), rapid.IntRange(1, 2).Draw(t, "env"),
			rapid.SampledFrom([]int{-1, 1, 2}).Draw(t, "parallel"), rapid.IntRange(0, 3).Draw(t, "migrate"),
			map[string]string{"b1": " type=batch", "y1": " type=system", "z1": " type=sysbatch"}[name])
	}),
	rapid.SampledFrom([]string{"agents", "agents", "agents", "agents", "advance 1s", "advance 10s", "advance 10s", "advance 10s", "advance 1m", "advance 10m", "restart"}),
	rapid.Custom(func(t *rapid.T) string {
		return fmt.Sprintf("%s %s[%d]", rapid.SampledFrom([]string{"fail", "complete"}).Draw(t, "verb"),
			rapid.SampledFrom([]string{"s1.web", "s2.web", "b1.web"}).Draw(t, "group"), rapid.IntRange(0, 4).Draw(t, "slot"))
	}),
	rapid.Just("stop s2"),
), 10, 80)

func TestDrainsEndAndLeaveEnoughHealthy(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		lines := history.Draw(rt, "history")
		var broken error
		synctest.Test(t, func(t *testing.T) { broken = play(scenario.New(t, register), lines) })
		if broken != nil {
			rt.Fatal(broken)
		}
	})
}

// play makes a history happen under the eyes of a witness, and then sees all drains to
// their ends.
func play(c *scenario.Cluster, lines []string) error {
	w := newWitness(c)
	defer w.feed.Close()
	lines = append([]string{"node n1 cpu=1000", "node n2 cpu=1000", "node n3 cpu=1000", "node n4 cpu=1000"}, lines...)
	for n, line := range lines {
		if err := w.step(line); err != nil {
			return fmt.Errorf("step %d, %s: %w", n, line, err)
		}
	}
	for _, node := range []string{"n1", "n2", "n3", "n4"} {
		if intent := reconciletest.Get[*api.NodeIntent](c.World, (&api.NodeIntent{NodeID: node}).Key()); intent.Draining() {
			if err := w.step("drain " + node + " deadline=10m"); err != nil {
				return err
			}
		}
	}
	for range 30 {
		if err := errors.Join(w.step("agents"), w.step("advance 30s")); err != nil {
			return fmt.Errorf("at the end: %w", err)
		}
	}
	for node, intent := range w.intents {
		if intent.Draining() {
			return fmt.Errorf("node %s is drained still, fifteen minutes into a drain of ten", node)
		}
		if err := w.nothingIsAskedOf(node); err != nil {
			return err
		}
	}
	return nil
}

// witness sees every transaction, and checks what must hold at it.
type witness struct {
	*scenario.Cluster
	feed     store.Feed
	seen     uint64
	allocs   map[string]*api.Allocation
	statuses map[string]*api.AllocationStatus
	jobs     map[string]*api.Job
	intents  map[string]*api.NodeIntent
	rollouts map[string]*api.Deployment
}

func newWitness(c *scenario.Cluster) *witness {
	at := c.Store.Snapshot().Index()
	return &witness{
		Cluster: c, seen: at, feed: c.Store.Watch(at),
		allocs: make(map[string]*api.Allocation), statuses: make(map[string]*api.AllocationStatus),
		jobs: make(map[string]*api.Job), intents: make(map[string]*api.NodeIntent), rollouts: make(map[string]*api.Deployment),
	}
}

// step does one thing and checks all transactions that came of it.
func (w *witness) step(line string) error {
	if !w.possible(line) {
		return nil
	}
	if _, err := w.Do(line); err != nil {
		return err
	}
	w.Settle()
	for w.seen < w.Store.Snapshot().Index() {
		changes, upTo, err := w.feed.Next(context.Background())
		if err != nil {
			return err
		}
		w.seen = upTo
		for len(changes) > 0 {
			n := 1
			for n < len(changes) && changes[n].Index == changes[0].Index {
				n++
			}
			if err := w.transaction(changes[:n]); err != nil {
				return err
			}
			changes = changes[n:]
		}
	}
	return nil
}

// possible leaves out what can't happen: nothing becomes of what is not there.
func (w *witness) possible(line string) bool {
	verb, what, _ := strings.Cut(line, " ")
	switch verb {
	case "fail", "complete":
		a := w.Latest(what)
		return a != nil && w.statuses[a.ID] != nil && !w.statuses[a.ID].Terminal()
	case "stop":
		return w.jobs[what] != nil
	}
	return true
}

// transaction takes over what a transaction wrote and checks it.
func (w *witness) transaction(changes []store.Change) error {
	var left []*api.Allocation
	for _, c := range changes {
		switch o := c.New.(type) {
		case *api.Allocation:
			if old := w.allocs[o.ID]; old != nil && old.WantsRun() && !o.WantsRun() && api.Deref(old.DesiredTransition.MigrateWhenPlaced) && o.NextAllocation != "" {
				left = append(left, o)
			}
			w.allocs[o.ID] = o
		case *api.AllocationStatus:
			w.statuses[o.ID] = o
		case *api.Job:
			w.jobs[api.Deref(o.ID)] = o
		case *api.Deployment:
			if d := w.rollouts[o.JobID]; d == nil || d.JobVersion <= o.JobVersion {
				w.rollouts[o.JobID] = o
			}
		case *api.NodeIntent:
			if w.intents[o.NodeID].Draining() && !o.Draining() && o.LastDrain.Status == api.DrainComplete {
				if err := w.isEmpty(o.NodeID, w.intents[o.NodeID].DrainStrategy.IgnoreSystemJobs); err != nil {
					return err
				}
			}
			w.intents[o.NodeID] = o
		}
	}
	for _, a := range left {
		if err := w.enoughAreHealthy(a); err != nil {
			return err
		}
	}
	return nil
}

// isEmpty: a drain is complete when everything that had to leave has ended, or is lost.
func (w *witness) isEmpty(node string, ignoreSystem bool) error {
	for id, a := range w.allocs {
		ignored := ignoreSystem && a.JobType == api.JobTypeSystem
		if a.NodeID == node && !ignored && a.Lost == "" && !w.statuses[id].Terminal() {
			return fmt.Errorf("the drain of %s is complete while %s is there", node, a.Name)
		}
	}
	return nil
}

// enoughAreHealthy: where a healthy instance was stopped because of a drain that had
// time, no more are missing of its group than the migrate block allows or, during a
// rollout, the update block.
func (w *witness) enoughAreHealthy(stopped *api.Allocation) error {
	j := w.jobs[stopped.JobID]
	if j == nil || j.Stopped() || j.Group(stopped.TaskGroup) == nil {
		return nil
	}
	g, at := j.Group(stopped.TaskGroup), time.Unix(0, stopped.ModifyTime)
	if !w.healthy(stopped, g, at) {
		return nil
	}
	if g.Update == nil && stopped.JobVersion != *j.Version {
		return nil // without an update block another version takes the place of all at once
	}
	missing := *g.Migrate.MaxParallel
	if d := w.rollouts[stopped.JobID]; d != nil && d.Status == api.DeploymentRunning && g.Update != nil {
		missing = max(missing, *g.Update.MaxParallel)
	}
	healthy := 0
	for _, a := range w.allocs {
		if a.JobID == stopped.JobID && a.TaskGroup == stopped.TaskGroup && a.WantsRun() && w.healthy(a, g, at) {
			healthy++
		}
	}
	if healthy < *g.Count-missing {
		return fmt.Errorf("%s was stopped by a drain, and %d of %d are healthy: %d may be missing", stopped.Name, healthy, *g.Count, missing)
	}
	return nil
}

func (w *witness) healthy(a *api.Allocation, g *api.TaskGroup, at time.Time) bool {
	s := w.statuses[a.ID]
	if s == nil || s.ClientStatus != api.AllocClientRunning || a.Lost != "" {
		return false
	}
	started := *s.TaskStates["app"].StartedAt
	return !started.Add(*g.Migrate.MinHealthyTime).After(at)
}

// nothingIsAskedOf: where no drain goes on, none is asked to leave.
func (w *witness) nothingIsAskedOf(node string) error {
	for id, a := range w.allocs {
		if a.NodeID == node && a.WantsRun() && api.Deref(a.DesiredTransition.Migrate) && !w.statuses[id].Terminal() {
			return fmt.Errorf("%s on %s is asked to leave, and no drain goes on", a.Name, node)
		}
	}
	return nil
}
