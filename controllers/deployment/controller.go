package deployment

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/health"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
)

// Options tune the controller.
type Options struct {
	// NewID makes the IDs of evaluations. Default: random UUIDs.
	NewID func() string
}

const (
	// maxTxnAllocations is how many allocations one transaction writes.
	maxTxnAllocations = 2000
	// pace is how long passes over one deployment are put off at least when time alone
	// calls for them, for each allocation that they look at: instances become healthy
	// one by one, but are judged together.
	pace = 20 * time.Microsecond
)

// Register adds the controller to a manager.
func Register(m *reconcile.Manager, o Options) error {
	if o.NewID == nil {
		o.NewID = uuid.NewString
	}
	return reconcile.NewController("deployment").
		For(api.KindDeployment, active).
		Watches(api.KindAllocation, ofAllocation, moved).
		Watches(api.KindAllocationStatus, ofStatus).
		Writes(api.KindAllocation, reconcile.Shared).
		Writes(api.KindDeployment, reconcile.Shared).
		Writes(api.KindEvaluation, reconcile.Shared).
		Writes(api.KindJobVersion, reconcile.Shared).
		Writes(api.KindJobSubmission). // this and the job: to go back to another version
		Writes(api.KindJob, reconcile.Shared).
		WithOptions(reconcile.ControllerOptions{Concurrency: 4}).
		Complete(m, func(c reconcile.Client) reconcile.Reconciler {
			return &controller{client: c, options: o}
		})
}

type controller struct {
	client    reconcile.Client
	options   Options
	sightings health.Sightings
}

// Reconcile makes one pass over a deployment.
func (c *controller) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	snap, now := c.client.Snapshot(), c.client.Now()
	d, ok := store.Get[*api.Deployment](snap, (&api.Deployment{ID: req.ID}).Key())
	if !ok || !d.Active() {
		c.sightings.Forget(req.ID)
		return reconcile.Result{}, nil
	}
	v := c.read(snap, d, now)
	p := decide(v)
	if err := c.commit(ctx, v, p); err != nil {
		return reconcile.Result{}, fmt.Errorf("deployment of %s version %d: %w", d.JobID, d.JobVersion, err)
	}
	if p.again.IsZero() || p.ended {
		return reconcile.Result{}, nil
	}
	return reconcile.Result{RequeueAfter: max(p.again.Sub(now), pace*time.Duration(1+len(v.instances)))}, nil
}

// read collects the view of a deployment from a snapshot.
func (c *controller) read(snap store.Snapshot, d *api.Deployment, now time.Time) *view {
	v := readDeployment(snap, d, now)
	for a := range store.List[*api.Allocation](snap, store.Query{Index: store.ByDeployment, Value: d.ID}) {
		i := instance{Allocation: a}
		i.status, _ = store.Get[*api.AllocationStatus](snap, (&api.AllocationStatus{ID: a.ID}).Key())
		if turn := health.LastTurn(i.status); turn.After(now) {
			i.seen = c.sightings.First(d.ID, a.ID, turn, now)
		}
		v.instances = append(v.instances, i)
	}
	return v
}

// readDeployment collects what there is of a deployment besides its instances.
func readDeployment(snap store.Snapshot, d *api.Deployment, now time.Time) *view {
	v := &view{now: now, deployment: d}
	v.version, _ = store.Get[*api.JobVersion](snap, api.JobVersionKey(d.Namespace, d.JobID, d.JobVersion))
	v.job, _ = store.Get[*api.Job](snap, api.JobKey(d.Namespace, d.JobID))
	v.submission = func(n uint64) *api.JobSubmission {
		s, _ := store.Get[*api.JobSubmission](snap, (&api.JobSubmission{Namespace: d.Namespace, JobID: d.JobID, Version: n}).Key())
		return s
	}
	v.pool = func(name string) *api.NodePool {
		pool, _ := store.Get[*api.NodePool](snap, (&api.NodePool{Name: name}).Key())
		return pool
	}
	for version := range store.List[*api.JobVersion](snap, store.Query{Index: store.ByJob, Value: store.JobValue(d.Namespace, d.JobID)}) {
		if version.Stable && v.mayReturnTo(version) {
			v.stable = append(v.stable, version)
		}
	}
	slices.SortFunc(v.stable, func(a, b *api.JobVersion) int {
		return cmp.Compare(api.Deref(b.Job.Version), api.Deref(a.Job.Version))
	})
	return v
}

// mayReturnTo reports whether the job may go back to a version: to an earlier one, but
// not to one of a job of the same ID that was purged before, nor to a pool that is gone.
func (v *view) mayReturnTo(version *api.JobVersion) bool {
	d, job := v.deployment, version.Job
	if api.Deref(job.Version) >= d.JobVersion || version.CreateIndex < d.JobCreateIndex || job.Stopped() {
		return false
	}
	name := api.Deref(job.NodePool)
	pool := v.pool(name)
	return pool != nil && !pool.Deleting || name == "" || (&api.NodePool{Name: name}).IsBuiltin()
}

// commit writes what a pass decided. Health comes first: should the rest fail, the
// next pass concludes the same from it.
func (c *controller) commit(ctx context.Context, v *view, p *plan) error {
	var txn store.Txn
	for _, a := range p.judged {
		if len(txn.Writes) == maxTxnAllocations {
			if _, err := c.client.Apply(ctx, txn); err != nil {
				return fmt.Errorf("write the health of instances: %w", err)
			}
			txn = store.Txn{}
		}
		txn.Writes = append(txn.Writes, store.Put(a))
		txn.Conditions = append(txn.Conditions, store.Unchanged(a))
	}
	if p.deployment != nil {
		txn.Writes = append(txn.Writes, store.Put(p.deployment))
		txn.Conditions = append(txn.Conditions, store.Unchanged(p.deployment))
	}
	if p.ended {
		c.end(v, p, &txn)
	}
	if _, err := c.client.Apply(ctx, txn); err != nil {
		return fmt.Errorf("write how it does: %w", err)
	}
	return nil
}

// end writes what the end of a deployment means for its job, and asks the job
// controller to look.
func (c *controller) end(v *view, p *plan, txn *store.Txn) {
	d := p.deployment
	if v.version != nil && d.Status == api.DeploymentSuccessful && !v.version.Stable {
		stable := *v.version
		stable.Stable = true
		txn.Writes = append(txn.Writes, store.Put(&stable))
		txn.Conditions = append(txn.Conditions, store.Unchanged(v.version))
	}
	if d.Status == api.DeploymentFailed {
		v.halt(txn)
	}
	if p.revert != nil {
		revert(v, p.revert, txn)
	}
	if v.job == nil {
		return
	}
	txn.Writes = append(txn.Writes, store.Put(v.evaluation(c.options.NewID())))
}

// evaluation returns a request to look at the job of a deployment.
func (v *view) evaluation(id string) *api.Evaluation {
	d := v.deployment
	return &api.Evaluation{
		ID:           id,
		Namespace:    d.Namespace,
		JobID:        d.JobID,
		Type:         api.Deref(v.job.Type),
		Priority:     d.EvalPriority,
		TriggeredBy:  api.TriggerDeployment,
		DeploymentID: d.ID,
		Status:       api.EvalPending,
		CreateTime:   v.now.UnixNano(),
		ModifyTime:   v.now.UnixNano(),
	}
}

// revert registers the spec of a stable version again, as a new version.
func revert(v *view, to *api.JobVersion, txn *store.Txn) {
	job := *to.Job
	job.Version = new(api.Deref(v.job.Version) + 1)
	job.SubmitTime, job.VersionTag = new(v.now.UnixNano()), nil
	job.SetIndexes(v.job.Indexes())
	txn.Writes = append(txn.Writes, store.Put(&job), store.Put(&api.JobVersion{Job: &job}))
	txn.Conditions = append(txn.Conditions, store.Unchanged(v.job))
	if pool := v.pool(api.Deref(job.NodePool)); pool != nil {
		txn.Conditions = append(txn.Conditions, store.Unchanged(pool))
	}
	if s := v.submission(api.Deref(to.Job.Version)); s != nil {
		again := *s
		again.Version = *job.Version
		txn.Writes = append(txn.Writes, store.Put(&again))
	}
}

// active passes deployments that go on, and the end of those that did.
func active(c store.Change) bool {
	before, _ := c.Old.(*api.Deployment)
	after, _ := c.New.(*api.Deployment)
	return before != nil && before.Active() || after != nil && after.Active()
}

// moved passes allocations that join or leave a deployment, are to stop, or whose health
// was said.
func moved(c store.Change) bool {
	before, _ := c.Old.(*api.Allocation)
	after, _ := c.New.(*api.Allocation)
	switch {
	case before == nil || after == nil:
		return true
	case before.DeploymentID == "" && after.DeploymentID == "":
		return false
	}
	return before.DeploymentID != after.DeploymentID || before.DesiredStatus != after.DesiredStatus || before.Lost != after.Lost ||
		(&instance{Allocation: before}).known() != (&instance{Allocation: after}).known()
}

func ofAllocation(_ store.Snapshot, c store.Change) []reconcile.Request {
	var out []reconcile.Request
	for _, o := range []api.Object{c.Old, c.New} {
		if a, ok := o.(*api.Allocation); ok && a.DeploymentID != "" {
			out = append(out, reconcile.Request{ID: a.DeploymentID})
		}
	}
	return out
}

// ofStatus wakes the deployment of an allocation when a task of it started or ended, or
// a check turned.
func ofStatus(snap store.Snapshot, c store.Change) []reconcile.Request {
	before, _ := c.Old.(*api.AllocationStatus)
	after, ok := c.New.(*api.AllocationStatus)
	if !ok || !health.Turned(before, after) {
		return nil
	}
	if store.Count[*api.Deployment](snap, store.Query{Index: store.ByJob, Value: store.JobValue(after.Namespace, after.JobID)}) == 0 {
		return nil // as of most batch jobs: the allocation need not be read
	}
	a, ok := store.Get[*api.Allocation](snap, (&api.Allocation{ID: after.ID}).Key())
	if !ok || a.DeploymentID == "" {
		return nil
	}
	return []reconcile.Request{{ID: a.DeploymentID}}
}
