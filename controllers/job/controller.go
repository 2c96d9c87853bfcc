package job

import (
	"context"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
)

// Options tune the controller.
type Options struct {
	// NewID makes the IDs of allocations, evaluations and deployments. It is called
	// concurrently. Default: NewIDs.
	NewID func() string
	// Concurrency is how many jobs are worked on at once. Placement itself is made by
	// one at a time; more jobs keep transactions in flight meanwhile. Default 8.
	Concurrency int
	// WholeBelow is how many instances a job has at least whose settled instances are not
	// read in every pass (roster.go). Default 100; tests of small jobs lower it.
	WholeBelow int
	// Live, if not nil, is told where dry runs find the controller's fleet.
	Live *Live
}

const defaultConcurrency = 8

// Register adds the controller to a manager.
func Register(m *reconcile.Manager, o Options) error {
	if o.NewID == nil {
		o.NewID = NewIDs()
	}
	if o.Concurrency <= 0 {
		o.Concurrency = defaultConcurrency
	}
	if o.WholeBelow <= 0 {
		o.WholeBelow = defaultWholeBelow
	}
	f := newFleet(o.WholeBelow)
	if o.Live == nil {
		o.Live = &Live{}
	}
	o.Live.attach(m, f)
	return reconcile.NewController("job").
		For(api.KindJob).
		Lists(api.KindEvaluation, ofEvaluation, asked). // a job that was purged is not listed itself
		Watches(api.KindJob, f.onJob).
		Watches(api.KindJobAdmission, reconcile.SameKey).
		Owns(api.KindAllocation, f.onAllocation).
		Owns(api.KindEvaluation, f.onEvaluation).
		Owns(api.KindDeployment, onDeployment, reconcile.Changed(deploymentMoved)).
		Watches(api.KindAllocationStatus, f.onStatus).
		Watches(api.KindNode, f.nodeChanged).
		Watches(api.KindNodeStatus, f.nodeChanged).
		Watches(api.KindNodeIntent, f.nodeChanged).
		Watches(api.KindSchedulerConfiguration, f.configured).
		Watches(api.KindCSIVolume, f.onVolume).
		Watches(api.KindHostVolumeClaim, onClaim).
		Writes(api.KindJobStatus).
		Writes(api.KindHostVolumeClaim).
		Writes(api.KindAllocation, reconcile.Shared).
		Writes(api.KindDeployment, reconcile.Shared).
		Writes(api.KindEvaluation, reconcile.Shared).
		WithOptions(reconcile.ControllerOptions{Concurrency: o.Concurrency}).
		Complete(m, func(c reconcile.Client) reconcile.Reconciler {
			return &controller{client: c, newID: o.NewID, fleet: f, live: o.Live}
		})
}

type controller struct {
	client reconcile.Client
	newID  func() string
	fleet  *fleet
	live   *Live
	begun  bool // the fleet was made for its term
}

// Resync implements reconcile.Resyncer. What was in flight when a term began is in the
// snapshot, or will never be written.
func (c *controller) Resync(snap store.Snapshot) {
	if !c.begun {
		c.begun = true
		c.fleet.forsake()
	}
	c.fleet.load(snap)
	c.live.begin(snap)
}

// Reconcile makes a pass over a job, and further ones as long as there is room for more
// than one pass tries.
func (c *controller) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	for {
		again, unfinished, err := c.pass(ctx, req)
		if err != nil || !unfinished {
			return reconcile.Result{RequeueAfter: again}, err
		}
	}
}

// pass finds out what is wanted, where it goes, and what to write.
func (c *controller) pass(ctx context.Context, req reconcile.Request) (again time.Duration, unfinished bool, err error) {
	v := c.read(req)
	if v.config.PauseEvalBroker || v.undecided() {
		return 0, false, nil
	}
	p := decide(v, c.fleet, c.newID)
	reserved, wrote := c.fleet.place(v, p, c.client.Snapshot, c.newID), false
	defer func() { c.fleet.settle(reserved, wrote, ctx.Err() != nil) }()
	r := v.account(p, reserved.placed, reserved.heard, c.newID)
	if err := c.write(ctx, v.compose(p, reserved.placed, r), reserved); err != nil {
		return 0, false, err
	}
	wrote = true
	return soonest(p.again(v.now), v.untilDeadline()), p.unfinished(reserved.placed), nil
}

// read reads what a pass is about: of a large job that has a roster, the settled instances
// are only counted. The roster is asked first, as all that is committed until then is in
// the snapshot.
func (c *controller) read(req reconcile.Request) *view {
	roster := c.fleet.look(req)
	snap := c.client.Snapshot()
	v := readSpec(snap, req, c.client.Now())
	if v.undecided() {
		return v
	}
	v.roster = roster
	if ids, others, ok := c.fleet.opened(v); ok {
		if v.readOpen(snap, ids, others); !v.contested() {
			return v
		}
		c.fleet.doubt(v)
	}
	v.readAll(snap)
	return v
}

// onJob follows the jobs; For has woken the pass.
func (f *fleet) onJob(_ store.Snapshot, c store.Change) []reconcile.Request {
	j, _ := c.New.(*api.Job)
	f.jobChanged(reconcile.RequestFor(c.Key), j)
	if old, ok := c.Old.(*api.Job); ok && j != nil && api.Deref(j.Priority) < api.Deref(old.Priority) {
		return f.waiting() // they may preempt it now
	}
	return nil
}

// onAllocation wakes a job when somebody else asks for something to be done about an
// allocation of it.
func (f *fleet) onAllocation(snap store.Snapshot, c store.Change) []reconcile.Request {
	before, _ := c.Old.(*api.Allocation)
	after, _ := c.New.(*api.Allocation)
	a := after
	if a == nil {
		a = before
	}
	told := before != nil && after != nil && before.WantsRun() && !after.WantsRun()
	woken := f.allocationChanged(snap, a, told, before == nil)
	if after == nil || before != nil && asksMore(before, after) {
		woken = append(woken, reconcile.Request{Namespace: a.Namespace, ID: a.JobID})
	}
	return woken
}

// asksMore reports whether a change of an allocation was made by another controller
// or by a user, and concerns its job.
func asksMore(before, after *api.Allocation) bool {
	return before.Lost != after.Lost || before.WantsRun() && after.DesiredStatus == api.AllocDesiredEvict ||
		api.Deref(before.DesiredTransition.Migrate) != api.Deref(after.DesiredTransition.Migrate) ||
		api.Deref(before.DesiredTransition.MigrateWhenPlaced) != api.Deref(after.DesiredTransition.MigrateWhenPlaced) ||
		api.Deref(before.DesiredTransition.Reschedule) != api.Deref(after.DesiredTransition.Reschedule) ||
		api.Deref(before.DesiredTransition.ForceReschedule) != api.Deref(after.DesiredTransition.ForceReschedule) ||
		healthOf(before) != healthOf(after)
}

// health of an allocation in its deployment.
type health uint8

const (
	healthUnknown health = iota
	healthy
	unhealthy
)

func healthOf(a *api.Allocation) health {
	switch s := a.DeploymentStatus; {
	case s == nil || s.Healthy == nil:
		return healthUnknown
	case *s.Healthy:
		return healthy
	}
	return unhealthy
}

// onStatus wakes a job when an instance of it ended.
func (f *fleet) onStatus(snap store.Snapshot, c store.Change) []reconcile.Request {
	before, _ := c.Old.(*api.AllocationStatus)
	after, _ := c.New.(*api.AllocationStatus)
	if after == nil {
		return nil
	}
	if before.Terminal() == after.Terminal() {
		f.statusChanged(snap, after)
		return nil
	}
	woken := f.statusEnded(snap, after)
	return append(woken, reconcile.Request{Namespace: after.Namespace, ID: after.JobID})
}

// onEvaluation wakes a job when a pass over it is asked for. Every pass that changes
// anything ends with a write to an evaluation.
func (f *fleet) onEvaluation(snap store.Snapshot, c store.Change) []reconcile.Request {
	e, ok := c.New.(*api.Evaluation)
	if !ok {
		return nil
	}
	woken := f.looked(snap, reconcile.Request{Namespace: e.Namespace, ID: e.JobID})
	if !asked(c) {
		return woken
	}
	return append(woken, ofEvaluation(nil, c)...)
}

// asked passes evaluations that ask for a pass.
func asked(c store.Change) bool {
	e, ok := c.New.(*api.Evaluation)
	return ok && e.Status == api.EvalPending
}

func ofEvaluation(_ store.Snapshot, c store.Change) []reconcile.Request {
	e := c.New.(*api.Evaluation)
	return []reconcile.Request{{Namespace: e.Namespace, ID: e.JobID}}
}

func onDeployment(_ store.Snapshot, c store.Change) []reconcile.Request {
	d := c.New.(*api.Deployment)
	return []reconcile.Request{{Namespace: d.Namespace, ID: d.JobID}}
}

// deploymentMoved passes changes by which more may be done, or less.
func deploymentMoved(before, after *api.Deployment) bool {
	if before.Status != after.Status {
		return true
	}
	for group, state := range after.TaskGroups {
		if before.TaskGroups[group].OnTrial() != state.OnTrial() {
			return true
		}
	}
	return false
}
