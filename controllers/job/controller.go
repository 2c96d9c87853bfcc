package job

import (
	"context"
	"slices"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/job/plan"
	"github.com/droverhq/drover/controllers/job/room"
	"github.com/droverhq/drover/controllers/job/roster"
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
	// read in every pass (package roster). Default 100; tests of small jobs lower it.
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
	if o.Live == nil {
		o.Live = &Live{}
	}
	k := &knowledge{fleet: room.NewFleet(), rosters: roster.NewKeeper(o.WholeBelow)}
	o.Live.attach(m, k.fleet)
	return reconcile.NewController("job").
		For(api.KindJob).
		Lists(api.KindEvaluation, ofEvaluation, asked). // a job that was purged is not listed itself
		Watches(api.KindJob, k.onJob).
		Watches(api.KindJobAdmission, reconcile.SameKey).
		Owns(api.KindAllocation, k.onAllocation).
		Owns(api.KindEvaluation, k.onEvaluation).
		Owns(api.KindDeployment, onDeployment, reconcile.Changed(deploymentMoved)).
		Watches(api.KindAllocationStatus, k.onStatus).
		Watches(api.KindNode, k.fleet.NodeChanged).
		Watches(api.KindNodeStatus, k.fleet.NodeChanged).
		Watches(api.KindNodeIntent, k.fleet.NodeChanged).
		Watches(api.KindSchedulerConfiguration, k.configured).
		Watches(api.KindCSIVolume, k.fleet.VolumeChanged).
		Watches(api.KindHostVolumeClaim, onClaim).
		Writes(api.KindJobStatus).
		Writes(api.KindHostVolumeClaim).
		Writes(api.KindAllocation, reconcile.Shared).
		Writes(api.KindDeployment, reconcile.Shared).
		Writes(api.KindEvaluation, reconcile.Shared).
		WithOptions(reconcile.ControllerOptions{Concurrency: o.Concurrency, Guard: k}).
		Complete(m, func(c reconcile.Client) reconcile.Reconciler {
			return &controller{client: c, newID: o.NewID, knowledge: k, live: o.Live}
		})
}

type controller struct {
	client reconcile.Client
	newID  func() string
	live   *Live
	begun  bool // what is known was made anew for its term
	*knowledge
}

// Resync implements reconcile.Resyncer. What was in flight when a term began is in the
// snapshot, or will never be written.
func (c *controller) Resync(snap store.Snapshot) {
	if !c.begun {
		c.begun = true
		c.fleet.Forsake()
	}
	c.rosters.Clear()
	c.fleet.Load(snap)
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

// pass finds out what is wanted, where it goes, and what to write. The roster is asked
// before the snapshot is taken, as all that is committed until then is in the snapshot.
func (c *controller) pass(ctx context.Context, req reconcile.Request) (again time.Duration, unfinished bool, err error) {
	r := c.rosters.Look(req)
	snap := c.client.Snapshot()
	v := plan.ReadSpec(snap, req, c.client.Now())
	if Configuration(snap).PauseEvalBroker || v.Undecided() {
		return 0, false, nil
	}
	r.Read(snap, v)
	p := plan.Decide(v, c.fleet, c.newID)
	reserved, wrote := c.fleet.Place(v, p, c.client.Snapshot, c.newID), false
	defer func() {
		unknown := ctx.Err() != nil
		if !unknown {
			r.Learn(v, p, reserved.Committed(), wrote)
		}
		c.fleet.Settle(reserved, unknown)
	}()
	o := &outcome{view: v, plan: p, placed: reserved.Placed}
	if err := c.write(ctx, o.compose(o.account(reserved.Heard, c.newID)), reserved); err != nil {
		return 0, false, err
	}
	wrote = true
	return soonest(p.Again(v.Now), v.UntilDeadline()), o.unfinished(), nil
}

// outcome is what a pass has read, what it wants of that, and where it goes. What is left is
// to write it: compose, and to say when to look again.
type outcome struct {
	view   *plan.View
	plan   *plan.Plan
	placed *room.Placed
}

// unfinished reports whether all that was tried of some group found room, and more of it
// may.
func (o *outcome) unfinished() bool {
	return slices.ContainsFunc(o.plan.Groups, func(g *plan.Group) bool { return g.More > 0 && o.placed.Queued[g.Name] == g.More })
}

// soonest returns the first of some waits, of which 0 is none.
func soonest(waits ...time.Duration) time.Duration {
	var first time.Duration
	for _, wait := range waits {
		if wait > 0 && (first == 0 || wait < first) {
			first = wait
		}
	}
	return first
}
