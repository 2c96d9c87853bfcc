package drain

import (
	"context"
	"fmt"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/health"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
)

// jobs is the controller migrate.
type jobs struct {
	client    reconcile.Client
	waiting   *waiting
	sightings health.Sightings
}

// Reconcile makes one pass over a job: it tells instances of it that are on draining
// nodes to leave, as many as may.
func (c *jobs) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	c.waiting.set(req, true)
	snap, now := c.client.Snapshot(), c.client.Now()
	v := c.read(snap, req, now)
	var asked []*api.Allocation
	nodes := make(map[string]bool)
	var again time.Time
	waits := false
	for _, g := range v.groups {
		p := g.plan(now)
		for _, m := range p.told {
			nodes[m.NodeID] = true
			asked = append(asked, m.transition(new(true), new(true), now))
		}
		for _, m := range p.back {
			asked = append(asked, m.transition(nil, nil, now))
		}
		waits = waits || p.waits
		if !p.again.IsZero() && (again.IsZero() || p.again.Before(again)) {
			again = p.again
		}
	}
	if err := c.write(ctx, v, asked, nodes); err != nil {
		return reconcile.Result{}, fmt.Errorf("migrate instances of job %s: %w", req, err)
	}
	if !waits {
		c.waiting.set(req, false)
		c.sightings.Forget(req.String())
		return reconcile.Result{}, nil
	}
	if again.IsZero() {
		return reconcile.Result{}, nil
	}
	return reconcile.Result{RequeueAfter: again.Sub(now)}, nil
}

// jobView is what a pass over a job reads.
type jobView struct {
	job     *api.Job
	groups  []*group
	intents map[string]*api.NodeIntent // by node
}

// read collects the service groups of a job that runs. Groups without a migrate block
// leave like batch, at the deadline.
func (c *jobs) read(snap store.Snapshot, req reconcile.Request, now time.Time) *jobView {
	v := &jobView{intents: make(map[string]*api.NodeIntent)}
	v.job, _ = store.Get[*api.Job](snap, api.JobKey(req.Namespace, req.ID))
	if v.job == nil || v.job.Stopped() || api.Deref(v.job.Type) != api.JobTypeService {
		return v
	}
	byName := make(map[string]*group)
	for _, spec := range v.job.TaskGroups {
		if spec.Migrate != nil {
			g := &group{count: api.Deref(spec.Count), migrate: spec.Migrate}
			byName[api.Deref(spec.Name)] = g
			v.groups = append(v.groups, g)
		}
	}
	versions := make(map[uint64]*api.Job)
	for a, status := range store.Joined(snap, store.Query{Index: store.ByJob, Value: store.JobValue(req.Namespace, req.ID)}) {
		g := byName[a.TaskGroup]
		if g == nil || !a.WantsRun() || a.Lost == api.AllocClientLost {
			continue
		}
		version, known := versions[a.JobVersion]
		if !known {
			version = versionOf(snap, a)
			versions[a.JobVersion] = version
		}
		g.members = append(g.members, c.member(snap, v, instance{Allocation: a, status: status}, version, now))
	}
	return v
}

func versionOf(snap store.Snapshot, a *api.Allocation) *api.Job {
	version, ok := store.Get[*api.JobVersion](snap, api.JobVersionKey(a.Namespace, a.JobID, a.JobVersion))
	if !ok {
		return nil
	}
	return version.Job
}

// member reads what is to know of one instance.
func (c *jobs) member(snap store.Snapshot, v *jobView, a instance, version *api.Job, now time.Time) *member {
	m := &member{instance: a}
	if version != nil {
		m.spec = version.Group(a.TaskGroup)
	}
	intent, known := v.intents[a.NodeID]
	if !known {
		intent = intentOf(snap, a.NodeID)
		v.intents[a.NodeID] = intent
	}
	if intent.Draining() {
		m.drain = intent.DrainStrategy
	}
	if a.DeploymentID != "" {
		d, ok := store.Get[*api.Deployment](snap, api.Key{Kind: api.KindDeployment, ID: a.DeploymentID})
		m.onTrial = ok && d.TaskGroups[a.TaskGroup].OnTrial()
		m.rollsOut = ok && d.Active() && a.CreateIndex >= d.CreateIndex
	}
	if turn := health.LastTurn(m.status); turn.After(now) {
		m.seen = c.sightings.First(requestOf(a.Allocation).String(), a.ID, turn, now)
	}
	return m
}

// write asks instances to leave once there is room for their successors, or to stay,
// unless the job or the drain of one of the nodes has changed.
func (c *jobs) write(ctx context.Context, v *jobView, asked []*api.Allocation, nodes map[string]bool) error {
	if len(asked) == 0 {
		return nil
	}
	txn := store.Txn{Conditions: []store.Condition{store.Unchanged(v.job)}}
	for node := range nodes {
		txn.Conditions = append(txn.Conditions, store.Unchanged(v.intents[node]))
	}
	for _, a := range asked {
		txn.Conditions = append(txn.Conditions, store.Unchanged(a))
		txn.Writes = append(txn.Writes, store.Put(a))
	}
	_, err := c.client.Apply(ctx, txn)
	return err
}
