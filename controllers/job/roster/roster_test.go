package roster_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/job/plan"
	"github.com/droverhq/drover/controllers/job/room"
	"github.com/droverhq/drover/controllers/job/roster"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/mem"
)

// world is a job and its allocations in any state, whether they could get there or not.
type world struct {
	*rapid.T
	store  *mem.Store
	fleet  *room.Fleet
	keeper *roster.Keeper
	job    *api.Job
	req    reconcile.Request
}

// Whatever its allocations are like, and however they change: a pass that reads what is
// open decides as one that reads everything.
func TestAPassOverPartDecidesAsOneOverAll(t *testing.T) {
	parts := 0
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt)
		defer func() {
			if err := w.store.Close(); err != nil {
				rt.Error(err)
			}
		}()
		for range rapid.IntRange(1, 8).Draw(rt, "rounds") {
			for range rapid.IntRange(0, 4).Draw(rt, "changes") {
				w.change()
			}
			if rapid.IntRange(0, 3).Draw(rt, "steer") == 0 {
				w.steer()
			}
			if w.pass() {
				parts++
			}
		}
	})
	if parts == 0 {
		t.Error("no pass read part of a job")
	}
}

func newWorld(rt *rapid.T) *world {
	g := &api.TaskGroup{
		Name: new("web"), Tasks: []*api.Task{{Name: "app", Driver: "raw_exec"}, {Name: "log", Driver: "raw_exec"}},
	}
	j := &api.Job{
		Namespace: new(api.DefaultNamespace), ID: new("shop"), Version: new(uint64(1)), Priority: new(50),
		Datacenters: []string{"dc1"}, NodePool: new(api.DefaultNodePool), TaskGroups: []*api.TaskGroup{g},
	}
	j.Type = new(rapid.SampledFrom([]string{api.JobTypeService, api.JobTypeBatch}).Draw(rt, "type"))
	g.Count = new(rapid.IntRange(0, 5).Draw(rt, "count"))
	g.ReschedulePolicy = &api.ReschedulePolicy{Unlimited: new(rapid.Bool().Draw(rt, "unlimited")), Delay: new(time.Second), DelayFunction: new(api.DelayConstant)}
	g.Migrate = &api.MigrateStrategy{MaxParallel: new(1)}
	if rapid.Bool().Draw(rt, "update") {
		g.Update = &api.UpdateStrategy{MaxParallel: new(2)}
	}
	w := &world{T: rt, store: mem.New(mem.Options{ServerID: "server-1"}), fleet: room.NewFleet(), keeper: roster.NewKeeper(1), job: j, req: reconcile.Request{Namespace: api.DefaultNamespace, ID: "shop"}}
	older := *j
	older.Version = new(uint64(0))
	changed := *g
	changed.Tasks = []*api.Task{{Name: "app", Driver: "raw_exec"}}
	older.TaskGroups = []*api.TaskGroup{&changed}
	w.commit(store.Put(&older), store.Put(&api.JobVersion{Job: &older}))
	w.commit(store.Put(j), store.Put(&api.JobVersion{Job: j}))
	w.job, _ = store.Get[*api.Job](w.store.Snapshot(), j.Key())
	w.steer()
	for range rapid.IntRange(0, 12).Draw(rt, "allocations") {
		w.change()
	}
	return w
}

func (w *world) commit(writes ...store.Write) {
	if _, err := w.store.Apply(context.Background(), store.Txn{Writes: writes}); err != nil {
		w.Fatal(err)
	}
}

// steer has the version's rollout be in any state, or none be there.
func (w *world) steer() {
	d := &api.Deployment{ID: "rollout", Namespace: w.req.Namespace, JobID: w.req.ID, JobVersion: 1, JobCreateIndex: *w.job.CreateIndex}
	d.Status = rapid.SampledFrom([]string{
		"", "", api.DeploymentRunning, api.DeploymentPaused, api.DeploymentFailed, api.DeploymentSuccessful,
	}).Draw(w.T, "rollout")
	if d.Status == "" {
		w.commit(store.Delete(d.Key()))
		return
	}
	d.TaskGroups = map[string]*api.DeploymentState{"web": {
		DesiredCanaries: rapid.IntRange(0, 2).Draw(w.T, "canaries"), Promoted: rapid.Bool().Draw(w.T, "promoted"),
	}}
	w.commit(store.Put(d))
}

// change makes an allocation what it may be, or removes one, and tells the keeper.
func (w *world) change() {
	slot := rapid.IntRange(0, 6).Draw(w.T, "slot")
	id := fmt.Sprintf("%s-%d-%d", "alloc", slot, rapid.IntRange(0, 1).Draw(w.T, "of slot"))
	one := func(label string, in int) bool { return rapid.IntRange(0, in-1).Draw(w.T, label) == 0 }
	if one("removed", 8) {
		if a, ok := store.Get[*api.Allocation](w.store.Snapshot(), api.AllocationKey(id)); ok {
			w.commit(store.Delete(a.Key()), store.Delete((&api.AllocationStatus{ID: id}).Key()))
			w.keeper.AllocationChanged(w.store.Snapshot(), a, nil)
		}
		return
	}
	if a, ok := store.Get[*api.Allocation](w.store.Snapshot(), api.AllocationKey(id)); ok && one("only its status", 3) {
		said := w.status(a)
		w.commit(store.Put(said))
		w.keeper.StatusChanged(w.store.Snapshot(), said)
		return
	}
	a := &api.Allocation{
		ID: id, Namespace: w.req.Namespace, JobID: w.req.ID, JobVersion: 1, JobType: *w.job.Type, TaskGroup: "web",
		Name: api.AllocName(w.req.ID, "web", slot), NodeID: "n1", DesiredStatus: api.AllocDesiredRun,
	}
	if one("older", 5) {
		a.JobVersion = 0
	}
	if one("stopped", 4) {
		a.DesiredStatus = api.AllocDesiredStop
	}
	if one("followed", 6) {
		a.NextAllocation = "somebody"
	}
	if one("lost", 6) {
		a.Lost = rapid.SampledFrom([]string{api.AllocClientLost, api.AllocClientUnknown}).Draw(w.T, "how")
	}
	if one("rolled out", 2) {
		a.DeploymentID = "rollout"
		a.DeploymentStatus = rapid.SampledFrom([]*api.AllocDeploymentStatus{
			nil, {Healthy: new(true)}, {Healthy: new(false)}, {Canary: true}, {Canary: true, Healthy: new(true)},
		}).Draw(w.T, "as")
	}
	if was, known := store.Get[*api.Allocation](w.store.Snapshot(), a.Key()); known {
		a.JobVersion = max(a.JobVersion, was.JobVersion)
		if a.IsCanary() != was.IsCanary() { // who is a canary is so from the beginning, until a promotion
			a.DeploymentID, a.DeploymentStatus = was.DeploymentID, was.DeploymentStatus
		}
	}
	if one("transition", 5) {
		a.DesiredTransition = rapid.SampledFrom([]api.DesiredTransition{
			{Migrate: new(true)}, {Migrate: new(true), MigrateWhenPlaced: new(true)}, {Reschedule: new(true)},
		}).Draw(w.T, "which")
	}
	writes := []store.Write{store.Put(a)}
	if !one("silent", 6) {
		writes = append(writes, store.Put(w.status(a)))
	}
	w.commit(writes...)
	w.keeper.AllocationChanged(w.store.Snapshot(), a, a)
}

// status is what a node agent may say of an allocation.
func (w *world) status(a *api.Allocation) *api.AllocationStatus {
	return &api.AllocationStatus{
		ID: a.ID, NodeID: "n1", Namespace: a.Namespace, JobID: a.JobID,
		ClientStatus: rapid.SampledFrom([]string{
			api.AllocClientRunning, api.AllocClientRunning, api.AllocClientRunning,
			api.AllocClientPending, api.AllocClientComplete, api.AllocClientFailed,
		}).Draw(w.T, "status"),
	}
}

// pass makes a pass as the controller does, but that it writes nothing, and compares what
// it decides with what one decides that reads everything.
func (w *world) pass() (part bool) {
	now := time.Unix(1_800_000_000, 0)
	meanwhile := func() {
		for range rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(w.T, "meanwhile") {
			w.change()
		}
	}
	r := w.keeper.Look(w.req)
	meanwhile() // it may see that, and is told of it
	snap := w.store.Snapshot()
	v, all := plan.ReadSpec(snap, w.req, now), plan.Read(snap, w.req, now)
	part = r.Read(snap, v)
	ids := func() string { return "fresh" }
	p, whole := plan.Decide(v, w.fleet, ids), plan.Decide(all, w.fleet, ids)
	if got, want := story(v, p), story(all, whole); got != want {
		w.Fatalf("a pass over %d of %d allocations decides\n%s\none over all\n%s", len(v.Instances), len(all.Instances), got, want)
	}
	meanwhile() // it has not seen that
	r.Learn(v, p, nil, true)
	return part
}

// story tells what a plan does.
func story(v *plan.View, p *plan.Plan) string {
	var b strings.Builder
	fmt.Fprintf(&b, "begins=%v changes=%v", p.Fresh, p.Revised)
	if p.Rollout != nil && !p.Fresh {
		fmt.Fprintf(&b, " rollout %+v", *p.Rollout.TaskGroups["web"])
	}
	fmt.Fprintln(&b)
	for _, g := range p.Groups {
		fmt.Fprintf(&b, "%s %+v awaits=%v failed=%v again=%v\n", g.Name, g.Counts, g.Awaits, g.Failed, g.Again)
		for _, w := range g.Wants {
			fmt.Fprintf(&b, "  want %s %d", w.Name, w.Why)
			if w.Prev != nil {
				fmt.Fprintf(&b, " after %s, live=%v, leaves=%v", w.Prev.ID, w.Prev.Live(), w.Leaves())
			}
			fmt.Fprintln(&b)
		}
		for _, list := range [][]*plan.Instance{g.Stop, g.InPlace, g.Kept} {
			var ids []string
			for _, i := range list {
				ids = append(ids, fmt.Sprintf("%s live=%v", i.ID, i.Live()))
			}
			slices.Sort(ids)
			fmt.Fprintf(&b, "  stops, is raised, is kept: %v\n", ids)
		}
	}
	fmt.Fprintln(&b, v.Live(), v.Untouched(), v.Waits(), p.Awaits(), p.Begun())
	return b.String()
}
