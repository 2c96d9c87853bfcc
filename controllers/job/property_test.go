package job_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/allocation"
	"github.com/droverhq/drover/controllers/deployment"
	"github.com/droverhq/drover/controllers/gc"
	"github.com/droverhq/drover/controllers/job"
	"github.com/droverhq/drover/controllers/scenario"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/reconcile/reconciletest"
	"github.com/droverhq/drover/scheduler"
	"github.com/droverhq/drover/store"
)

func registerAll(m *reconcile.Manager) error {
	return errors.Join(
		job.Register(m, job.Options{WholeBelow: 1}),
		allocation.Register(m, allocation.Options{}),
		deployment.Register(m, deployment.Options{}),
	)
}

// history is what users, nodes and tasks do to a cluster.
var history = rapid.SliceOfN(rapid.OneOf(
	rapid.Custom(func(t *rapid.T) string {
		return fmt.Sprintf("node n%d cpu=%d rack=%s%s", rapid.IntRange(1, 4).Draw(t, "node"), 1000,
			rapid.SampledFrom([]string{"a", "b"}).Draw(t, "rack"),
			rapid.SampledFrom([]string{"", "", "", " down", " ineligible"}).Draw(t, "state"))
	}),
	rapid.Custom(func(t *rapid.T) string {
		name := rapid.SampledFrom([]string{"s1", "s2", "b1", "b2", "b3", "y1"}).Draw(t, "job")
		line := fmt.Sprintf("run %s priority=%d count=%d cpu=%d env=%d parallel=%d min_healthy=5s progress=%s delay=%s", name, rapid.IntRange(1, 3).Draw(t, "priority"),
			rapid.IntRange(0, 6).Draw(t, "count"), rapid.SampledFrom([]int{100, 300, 700}).Draw(t, "cpu"),
			rapid.IntRange(1, 3).Draw(t, "env"), rapid.IntRange(1, 3).Draw(t, "parallel"),
			rapid.SampledFrom([]string{"0s", "1m"}).Draw(t, "progress"), rapid.SampledFrom([]string{"1s", "20s"}).Draw(t, "delay"))
		switch name {
		case "b1", "b2", "b3":
			line += " type=batch attempts=1"
		case "y1":
			line += " type=system"
		case "s2":
			line += " also=second port=8080"
		}
		if name[0] == 's' || name[0] == 'y' {
			line += rapid.SampledFrom([]string{"", " canary=1", " canary=2", " canary=4", " canary=40 stagger=20s"}).Draw(t, "canary")
			line += rapid.SampledFrom([]string{"", "", " revert"}).Draw(t, "revert") + rapid.SampledFrom([]string{"", " auto_promote"}).Draw(t, "promotion")
		}
		return line + rapid.SampledFrom([]string{"", "", " constraint=a", " distinct"}).Draw(t, "rule")
	}),
	rapid.SampledFrom([]string{"agents", "agents", "agents", "advance 1s", "advance 5s", "advance 30s", "advance 5m", "restart", "collect"}),
	rapid.Custom(func(t *rapid.T) string {
		return fmt.Sprintf("%s %s", rapid.SampledFrom([]string{"fail", "fail", "complete", "migrate"}).Draw(t, "verb"), instanceName.Draw(t, "name"))
	}),
	rapid.Custom(func(t *rapid.T) string {
		return fmt.Sprintf("%s %s", rapid.SampledFrom([]string{"promote", "promote", "promote", "pause", "resume", "abort"}).Draw(t, "verb"),
			rapid.SampledFrom([]string{"s1", "s2", "y1"}).Draw(t, "job"))
	}),
	rapid.Custom(func(t *rapid.T) string {
		return fmt.Sprintf("stop %s%s", rapid.SampledFrom([]string{"s1", "s2", "b1", "b2", "b3", "y1"}).Draw(t, "job"),
			rapid.SampledFrom([]string{"", " purge"}).Draw(t, "purge"))
	}),
), 5, 60)

var instanceName = rapid.Custom(func(t *rapid.T) string {
	return fmt.Sprintf("%s[%d]", rapid.SampledFrom([]string{"s1.web", "s2.web", "s2.second", "b1.web", "b2.web", "b3.web", "y1.web"}).Draw(t, "group"),
		rapid.IntRange(0, 5).Draw(t, "slot"))
})

func TestWhateverHappensTheLawsHold(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		lines := history.Draw(rt, "history")
		var broken error
		synctest.Test(t, func(t *testing.T) { broken = play(scenario.New(t, registerAll), lines) })
		if broken != nil {
			rt.Fatal(broken)
		}
	})
}

// play makes a history happen and checks the laws after each step.
func play(c *scenario.Cluster, lines []string) error {
	for n, line := range lines {
		if !possible(c, line) {
			continue
		}
		switch line {
		case "restart":
			if err := nothingIsWrittenTwice(c); err != nil {
				return fmt.Errorf("step %d: %w", n, err)
			}
			continue
		case "collect":
			if err := nobodyMissesWhatIsCollected(c); err != nil {
				return fmt.Errorf("step %d: %w", n, err)
			}
			continue
		}
		check, before := foretell(c, line), take(c)
		if _, err := c.Do(line); err != nil {
			return fmt.Errorf("step %d, %s: %w", n, line, err)
		}
		c.Settle()
		if err := errors.Join(check(), laws(c), before.olderInstancesStay(take(c))); err != nil {
			return fmt.Errorf("after step %d, %s: %w", n, line, err)
		}
	}
	return converges(c)
}

// foretell makes a dry run of registering a job, and returns what compares it with what
// then happens.
func foretell(c *scenario.Cluster, line string) func() error {
	args := strings.Fields(line)
	if args[0] != "run" {
		return func() error { return nil }
	}
	j, err := c.Job(args[1:])
	if err != nil {
		return func() error { return err }
	}
	index := c.Store.Snapshot().Index()
	before := job.DryRun(c.Store.Snapshot(), j, c.Now())
	return func() error {
		for e := range reconciletest.List[*api.Evaluation](c.World) {
			if e.TriggeredBy != api.TriggerJobRegister || e.CreateIndex <= index {
				continue
			}
			if !api.Same(e.PlanAnnotations, before.Annotations) || len(e.FailedTGAllocs) != len(before.Failed) {
				return fmt.Errorf("the dry run says %v and %v fail, it was %v and %v", before.Updates, before.Failed,
					e.PlanAnnotations.DesiredTGUpdates["web"], e.FailedTGAllocs)
			}
		}
		return nil
	}
}

// possible leaves out what can't happen: nothing is done to what is not there.
func possible(c *scenario.Cluster, line string) bool {
	verb, rest, _ := strings.Cut(line, " ")
	what, _, _ := strings.Cut(rest, " ")
	switch verb {
	case "stop":
		_, ok := reconciletest.Find[*api.Job](c.World, api.JobKey(api.DefaultNamespace, what))
		return ok
	case "promote", "pause", "resume", "abort":
		for d := range reconciletest.List[*api.Deployment](c.World) {
			if d.JobID == what {
				return true
			}
		}
		return false
	case "fail", "complete", "migrate":
		a := c.Latest(what)
		if a == nil || !a.WantsRun() {
			return false
		}
		s, ok := reconciletest.Find[*api.AllocationStatus](c.World, (&api.AllocationStatus{ID: a.ID}).Key())
		_, registered := reconciletest.Find[*api.Job](c.World, api.JobKey(api.DefaultNamespace, a.JobID))
		return ok && !s.Terminal() && registered
	}
	return true
}

// census is what there is, seen with the eyes of a test.
type census struct {
	snap     store.Snapshot
	statuses map[string]*api.AllocationStatus
	byJob    map[string][]*api.Allocation
}

func take(c *scenario.Cluster) *census {
	out := &census{
		snap:     c.Store.Snapshot(),
		statuses: make(map[string]*api.AllocationStatus),
		byJob:    make(map[string][]*api.Allocation),
	}
	for s := range store.List[*api.AllocationStatus](out.snap, store.Query{}) {
		out.statuses[s.ID] = s
	}
	for a := range store.List[*api.Allocation](out.snap, store.Query{}) {
		out.byJob[a.JobID] = append(out.byJob[a.JobID], a)
	}
	return out
}

func (c *census) live(a *api.Allocation) bool {
	return a.WantsRun() && a.Lost == "" && !c.statuses[a.ID].Terminal()
}

// laws hold at every moment at which the controllers are idle.
func laws(c *scenario.Cluster) error {
	now := take(c)
	return errors.Join(
		now.nothingIsAskedInVain(), now.noNodeIsOvercommitted(), now.namesAreUnique(), now.countsAreKept(),
		now.rolloutsAreSlow(), now.whoWaitsHasAReason(), now.noRoomIsLeft(),
	)
}

func (c *census) nothingIsAskedInVain() error {
	for e := range store.List[*api.Evaluation](c.snap, store.Query{}) {
		if e.Status == api.EvalPending {
			return fmt.Errorf("evaluation %s of %s is pending", e.ID, e.JobID)
		}
	}
	return nil
}

// noNodeIsOvercommitted: only its successor may have the room of an instance that has
// not ended.
func (c *census) noNodeIsOvercommitted() error {
	used := make(map[string]api.Usage)
	ports := make(map[string]string)
	for _, all := range c.byJob {
		for _, a := range all {
			if c.statuses[a.ID].Terminal() || a.Lost != "" || a.NextAllocation != "" {
				continue
			}
			used[a.NodeID] = used[a.NodeID].Add(a.Usage)
			for _, p := range a.Ports {
				at := fmt.Sprintf("%s:%d", a.NodeID, p.Value)
				if other := ports[at]; other != "" {
					return fmt.Errorf("%s and %s have port %s", other, a.Name, at)
				}
				ports[at] = a.Name
			}
		}
	}
	for id, u := range used {
		n, ok := store.Get[*api.Node](c.snap, (&api.Node{ID: id}).Key())
		if ok && (u.CPU > n.Resources.Cpu.CpuShares || u.MemoryMB > n.Resources.Memory.MemoryMB) {
			return fmt.Errorf("node %s is over-committed: %+v", id, u)
		}
	}
	return nil
}

func (c *census) namesAreUnique() error {
	for id, all := range c.byJob {
		seen := make(map[string]bool)
		for _, a := range all {
			if !c.live(a) {
				continue
			}
			name := a.Name
			switch {
			case a.JobType == api.JobTypeSystem:
				name += "@" + a.NodeID
			case c.onTrial(a):
				name += " on trial"
			}
			if seen[name] {
				return fmt.Errorf("job %s has two live %s", id, name)
			}
			seen[name] = true
		}
	}
	return nil
}

func (c *census) countsAreKept() error {
	for id, all := range c.byJob {
		j, registered := store.Get[*api.Job](c.snap, api.JobKey(api.DefaultNamespace, id))
		live, canaries := make(map[string]int), make(map[string]int)
		for _, a := range all {
			switch {
			case c.live(a) && c.onTrial(a):
				canaries[a.TaskGroup]++
			case c.live(a):
				live[a.TaskGroup]++
			}
		}
		for group, n := range canaries {
			if !registered || j.Stopped() || j.Group(group) == nil || n > *j.Group(group).Update.Canary {
				return fmt.Errorf("job %s has %d live canaries of group %s", id, n, group)
			}
		}
		for group, n := range live {
			switch {
			case !registered || j.Stopped():
				return fmt.Errorf("job %s is stopped and has %d live instances", id, n)
			case j.Group(group) == nil:
				return fmt.Errorf("job %s has no group %s and %d live instances of it", id, group, n)
			case !j.IsSystem() && n > api.Deref(j.Group(group).Count):
				return fmt.Errorf("job %s has %d live instances of group %s, of %d", id, n, group, *j.Group(group).Count)
			}
		}
	}
	return nil
}

// rolloutsAreSlow: of instances that took the place of another version's, no more
// than max_parallel are not known to be healthy.
func (c *census) rolloutsAreSlow() error {
	for d := range store.List[*api.Deployment](c.snap, store.Query{}) {
		j, ok := store.Get[*api.Job](c.snap, api.JobKey(d.Namespace, d.JobID))
		if !ok || !d.Active() {
			continue
		}
		for group, state := range d.TaskGroups {
			begun := 0
			for _, a := range c.byJob[d.JobID] {
				if a.DeploymentID != d.ID || a.TaskGroup != group || !c.live(a) || a.PreviousAllocation == "" {
					continue
				}
				if h := a.DeploymentStatus; h != nil && h.Healthy != nil {
					continue
				}
				prev, ok := store.Get[*api.Allocation](c.snap, (&api.Allocation{ID: a.PreviousAllocation}).Key())
				if ok && prev.DesiredDescription == "alloc is being updated due to job update" && prev.JobVersion != a.JobVersion && a.CreateIndex > d.CreateIndex {
					begun++
				}
			}
			limit := *j.Group(group).Update.MaxParallel
			if state.OnTrial() && !j.IsSystem() {
				limit = 0
			}
			if begun > limit {
				return fmt.Errorf("job %s version %d: %d instances of group %s are under way, %d may be", d.JobID, d.JobVersion, begun, group, limit)
			}
		}
	}
	return nil
}

// onTrial reports whether an allocation is a canary beside the instances of another
// version.
func (c *census) onTrial(a *api.Allocation) bool {
	if a.DeploymentStatus == nil || !a.DeploymentStatus.Canary || a.JobType == api.JobTypeSystem {
		return false
	}
	d, ok := store.Get[*api.Deployment](c.snap, (&api.Deployment{ID: a.DeploymentID}).Key())
	return ok && d.TaskGroups[a.TaskGroup].OnTrial()
}

// olderInstancesStay: whoever runs while the canaries of another version are tried out
// goes on, or is followed by one of his version.
func (c *census) olderInstancesStay(after *census) error {
	for d := range store.List[*api.Deployment](after.snap, store.Query{}) {
		j, ok := store.Get[*api.Job](after.snap, api.JobKey(d.Namespace, d.JobID))
		if !ok || j.IsSystem() || *j.Version != d.JobVersion || *j.CreateIndex != d.JobCreateIndex {
			continue
		}
		for group, state := range d.TaskGroups {
			if _, known := c.snap.Get(d.Key()); !known || !state.OnTrial() {
				continue
			}
			if err := c.stay(after, d, group); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *census) stay(after *census, d *api.Deployment, group string) error {
	now := make(map[string]*api.Allocation)
	for _, a := range after.byJob[d.JobID] {
		now[a.ID] = a
	}
	for _, a := range c.byJob[d.JobID] {
		if a.TaskGroup != group || a.JobVersion == d.JobVersion || a.CreateIndex < d.JobCreateIndex || !c.live(a) {
			continue
		}
		is := now[a.ID]
		switch {
		case is == nil || after.live(is) || is.Lost != "" || api.Deref(is.DesiredTransition.Migrate) || after.statuses[a.ID].Terminal():
		default:
			return fmt.Errorf("%s of version %d was stopped while version %d is on trial", a.Name, a.JobVersion, d.JobVersion)
		}
		if is != nil && is.NextAllocation != "" && now[is.NextAllocation] != nil && now[is.NextAllocation].JobVersion == d.JobVersion {
			return fmt.Errorf("%s is followed by version %d, which is on trial", a.Name, d.JobVersion)
		}
	}
	return nil
}

func (c *census) whoWaitsHasAReason() error {
	for s := range store.List[*api.JobStatus](c.snap, store.Query{}) {
		e, ok := store.Get[*api.Evaluation](c.snap, (&api.Evaluation{ID: s.BlockedEval}).Key())
		switch {
		case (len(s.Queued) > 0) != (s.BlockedEval != ""):
			return fmt.Errorf("job %s has %v queued and waits by evaluation %q", s.JobID, s.Queued, s.BlockedEval)
		case len(s.Queued) == 0:
		case s.Status == api.JobStatusDead:
			return fmt.Errorf("job %s is dead with %v queued", s.JobID, s.Queued)
		case !ok || e.Status != api.EvalBlocked || len(e.FailedTGAllocs) == 0:
			return fmt.Errorf("job %s has %v queued and evaluation %+v", s.JobID, s.Queued, e)
		}
	}
	blocked := make(map[string]int)
	for e := range store.List[*api.Evaluation](c.snap, store.Query{}) {
		if e.Status == api.EvalBlocked {
			if blocked[e.JobID]++; blocked[e.JobID] > 1 {
				return fmt.Errorf("job %s waits twice", e.JobID)
			}
		}
	}
	return nil
}

// noRoomIsLeft: what waits could not be placed by an engine that knows everything.
func (c *census) noRoomIsLeft() error {
	fleet := scheduler.NewFleet()
	for n := range store.List[*api.Node](c.snap, store.Query{}) {
		status, _ := store.Get[*api.NodeStatus](c.snap, (&api.NodeStatus{NodeID: n.ID}).Key())
		intent, _ := store.Get[*api.NodeIntent](c.snap, (&api.NodeIntent{NodeID: n.ID}).Key())
		fleet.SetNode(scheduler.NodeState{
			Node: n, Ready: status != nil && status.Status == api.NodeReady,
			Eligible: intent == nil || intent.Eligibility == api.NodeEligible,
		})
	}
	for _, all := range c.byJob {
		for _, a := range all {
			if a.Lost == "" && !c.statuses[a.ID].Terminal() {
				fleet.SetAllocation(a)
			}
		}
	}
	for s := range store.List[*api.JobStatus](c.snap, store.Query{}) {
		j, _ := store.Get[*api.Job](c.snap, api.JobKey(s.Namespace, s.JobID))
		for group := range s.Queued {
			if j.IsSystem() || c.heldBack(j) {
				continue // what waits may be of an older version
			}
			_, why := fleet.Clone().Place(scheduler.Ask{Job: j, Group: j.Group(group), Count: 1, IDs: []string{"probe"}})
			if why == nil {
				return fmt.Errorf("group %s of job %s waits although there is room", group, s.JobID)
			}
		}
	}
	return nil
}

// nothingIsWrittenTwice: a new leader that looks at everything finds nothing to do. The
// first may find other reasons why something waits, and that an allocation that failed
// may be replaced because its job has a new version.
func nothingIsWrittenTwice(c *scenario.Cluster) error {
	for leader := range 2 {
		before := c.Store.Snapshot().Index()
		c.Restart()
		wrote := written(c, before, func(o api.Object) bool { return leader > 0 || !incidental(o) })
		if len(wrote) > 0 {
			return fmt.Errorf("new leader %d writes %q", leader+1, wrote)
		}
	}
	return nil
}

// nobodyMissesWhatIsCollected: when all goes that has ended and that nothing needs,
// nothing follows from it.
func nobodyMissesWhatIsCollected(c *scenario.Cluster) error {
	if _, err := gc.Force(context.Background(), c.Store, c.Now(), gc.Options{}); err != nil {
		return err
	}
	before := c.Store.Snapshot().Index()
	c.Settle()
	if wrote := written(c, before, func(o api.Object) bool { return !incidental(o) }); len(wrote) > 0 {
		return fmt.Errorf("after a collection the controllers write %q", wrote)
	}
	return nothingIsWrittenTwice(c)
}

// written returns the objects of interest that were written after an index.
func written(c *scenario.Cluster, since uint64, interesting func(api.Object) bool) []string {
	var out []string
	for _, kind := range api.Kinds() {
		for o := range c.Store.Snapshot().Scan(store.Query{Kind: kind}) {
			if _, modify := o.Indexes(); modify > since && kind != api.KindLeadership && interesting(o) {
				out = append(out, fmt.Sprintf("%s %+v", o.Key(), o))
			}
		}
	}
	return out
}

func incidental(o api.Object) bool {
	switch o := o.(type) {
	case *api.Evaluation:
		return len(o.FailedTGAllocs) > 0
	case *api.Allocation:
		return o.WantsRun() && api.Deref(o.DesiredTransition.Reschedule)
	case *api.JobStatus:
		return len(o.Queued) > 0
	}
	return false
}

// converges: when nothing happens any more but agents doing as they are told, every
// job gets what it wants, or waits for room, or has failed.
func converges(c *scenario.Cluster) error {
	for range 12 {
		c.Agents()
		c.Advance(30 * time.Second)
	}
	if err := errors.Join(laws(c), nothingIsWrittenTwice(c)); err != nil {
		return fmt.Errorf("at the end: %w", err)
	}
	now := take(c)
	for j := range store.List[*api.Job](now.snap, store.Query{}) {
		if j.Stopped() || j.IsSystem() || now.heldBack(j) {
			continue
		}
		status, _ := store.Get[*api.JobStatus](now.snap, api.JobStatusKey(*j.Namespace, *j.ID))
		for _, g := range j.TaskGroups {
			held, queued := now.held(j, g), status.Queued[*g.Name]
			if held+queued < *g.Count {
				return fmt.Errorf("at the end: group %s of job %s has %d of %d, and %d wait", *g.Name, *j.ID, held, *g.Count, queued)
			}
		}
	}
	return nil
}

// heldBack reports whether the rollout of a job's version adds nothing.
func (c *census) heldBack(j *api.Job) bool {
	return slices.ContainsFunc(slices.Collect(store.List[*api.Deployment](c.snap, store.Query{})), func(d *api.Deployment) bool {
		return d.JobID == *j.ID && d.JobVersion == *j.Version && d.JobCreateIndex == *j.CreateIndex &&
			(d.Status == api.DeploymentFailed || d.Status == api.DeploymentPaused || d.Active() && d.Promotable())
	})
}

// held counts the instances of a group that run, are done or have failed for good.
func (c *census) held(j *api.Job, g *api.TaskGroup) int {
	names := make(map[string]bool)
	for _, a := range c.byJob[*j.ID] {
		if a.TaskGroup != *g.Name || a.CreateIndex < *j.CreateIndex {
			continue
		}
		s := c.statuses[a.ID]
		done := s != nil && s.ClientStatus == api.AllocClientComplete && j.IsBatch() && a.JobVersion == *j.Version
		failed := s != nil && s.ClientStatus == api.AllocClientFailed && a.WantsRun() && (!j.IsBatch() || a.JobVersion == *j.Version)
		if c.live(a) || done || failed {
			names[a.Name] = true
		}
	}
	return len(names)
}
