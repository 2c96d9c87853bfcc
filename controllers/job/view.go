package job

import (
	"slices"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
)

// view is what one pass over a job reads, from one snapshot.
type view struct {
	req   reconcile.Request
	now   time.Time
	index uint64   // of the snapshot
	job   *api.Job // nil: there never was one, or it was purged

	instances   []instance             // every allocation of the job, or those that are open, ordered by ID
	settled     map[string]*settled    // by group, those that are not read; nil: all are
	roster      *roster                // that is kept of the job, or to be made; nil in dry runs
	gone        []string               // were open, and are there no more
	claims      []*api.HostVolumeClaim // where volumes are to which instances come back
	deployments []*api.Deployment      // every one of the job, ordered by ID
	pending     []*api.Evaluation      // asked for and not answered, oldest first
	last        *api.Evaluation        // of a job with indexes, the newest of the current version that was answered
	blocked     []*api.Evaluation      // those that wait for room: none or one
	status      *api.JobStatus         // nil: this is the first pass
	admission   *api.JobAdmission      // nil: there is none
	version     func(uint64) *api.Job  // the spec of a version; nil if it is gone
	basis       *api.JobVersion        // the version that is current, or nil
	stable      func() []*api.Job      // the versions that were found good
	config      *api.SchedulerConfiguration
	pool        func(string) *api.NodePool // nil if there is none of that name
}

// read collects the view of a job from a snapshot.
func read(snap store.Snapshot, req reconcile.Request, now time.Time) *view {
	v := readSpec(snap, req, now)
	v.readAll(snap)
	return v
}

// readAll reads every allocation of the job.
func (v *view) readAll(snap store.Snapshot) {
	v.instances = readInstances(snap, store.Query{Index: store.ByJob, Value: store.JobValue(v.req.Namespace, v.req.ID)})
	v.settled, v.gone = nil, nil
}

// readOpen reads no other allocations than those given; others are what else there is.
func (v *view) readOpen(snap store.Snapshot, ids []string, others map[string]*settled) {
	slices.Sort(ids)
	v.settled = others
	for _, id := range ids {
		a, ok := store.Get[*api.Allocation](snap, allocationKey(id))
		if !ok {
			v.gone = append(v.gone, id)
			continue
		}
		i := newInstance(snap, a)
		i.status, _ = store.Get[*api.AllocationStatus](snap, api.Key{Kind: api.KindAllocationStatus, ID: id})
		v.instances = append(v.instances, i)
	}
}

// readSpec reads all but the allocations.
func readSpec(snap store.Snapshot, req reconcile.Request, now time.Time) *view {
	v := &view{req: req, now: now, index: snap.Index()}
	v.job, _ = store.Get[*api.Job](snap, api.JobKey(req.Namespace, req.ID))
	v.status, _ = store.Get[*api.JobStatus](snap, api.JobStatusKey(req.Namespace, req.ID))
	v.config = Configuration(snap)
	v.pool = func(name string) *api.NodePool {
		pool, _ := store.Get[*api.NodePool](snap, (&api.NodePool{Name: name}).Key())
		return pool
	}
	versions := make(map[uint64]*api.Job)
	v.admission, _ = store.Get[*api.JobAdmission](snap, api.JobAdmissionKey(req.Namespace, req.ID))
	v.version = func(n uint64) *api.Job {
		job, known := versions[n]
		if known {
			return job
		}
		if version, ok := store.Get[*api.JobVersion](snap, api.JobVersionKey(req.Namespace, req.ID, n)); ok {
			job = version.Job
		}
		versions[n] = job
		return job
	}
	if v.job != nil {
		v.basis, _ = store.Get[*api.JobVersion](snap, api.JobVersionKey(req.Namespace, req.ID, v.current()))
	}
	v.stable = func() []*api.Job {
		var stable []*api.Job
		for version := range store.List[*api.JobVersion](snap, store.Query{Index: store.ByJob, Value: store.JobValue(req.Namespace, req.ID)}) {
			if version.Stable && version.CreateIndex >= api.Deref(v.job.CreateIndex) {
				stable = append(stable, version.Job)
			}
		}
		return stable
	}
	ofJob := store.Query{Index: store.ByJob, Value: store.JobValue(req.Namespace, req.ID)}
	for d := range store.List[*api.Deployment](snap, ofJob) {
		v.deployments = append(v.deployments, d)
	}
	for c := range store.List[*api.HostVolumeClaim](snap, ofJob) {
		v.claims = append(v.claims, c)
	}
	v.readEvaluations(snap)
	return v
}

// readEvaluations reads what is asked for and what waits. What was answered may be
// thousands: only of a job with indexes it is read, which has few.
func (v *view) readEvaluations(snap store.Snapshot) {
	ofJob := store.JobValue(v.req.Namespace, v.req.ID)
	for e := range store.List[*api.Evaluation](snap, store.Query{Index: store.ByOpenJob, Value: ofJob}) {
		if e.Status == api.EvalBlocked {
			v.blocked = append(v.blocked, e)
		} else {
			v.pending = append(v.pending, e)
		}
	}
	sortByAge(v.pending)
	sortByAge(v.blocked)
	if v.job == nil || !isArray(v.job) {
		return
	}
	for e := range store.List[*api.Evaluation](snap, store.Query{Index: store.ByJob, Value: ofJob}) {
		if e.Status == api.EvalComplete && e.CreateIndex >= api.Deref(v.job.JobModifyIndex) && (v.last == nil || v.last.CreateIndex < e.CreateIndex) {
			v.last = e
		}
	}
}

// readInstances joins the allocations of a job with their statuses. Both are listed
// in the order of their IDs, so the two lists are walked side by side.
func readInstances(snap store.Snapshot, ofJob store.Query) []instance {
	ofJob.Kind = api.KindAllocation
	count := snap.Count(ofJob)
	if count == 0 {
		return nil
	}
	out := make([]instance, 0, count)
	for a := range store.List[*api.Allocation](snap, ofJob) {
		out = append(out, newInstance(snap, a))
	}
	next := 0
	for s := range store.List[*api.AllocationStatus](snap, ofJob) {
		for next < len(out) && out[next].ID < s.ID {
			next++
		}
		if next < len(out) && out[next].ID == s.ID {
			out[next].status = s
		}
	}
	return out
}

// newInstance returns an allocation of which its node agent has said nothing.
func newInstance(snap store.Snapshot, a *api.Allocation) instance {
	return instance{Allocation: a, slot: a.Index(), expected: a.Lost == api.AllocClientUnknown && isReady(snap, a.NodeID)}
}

func isReady(snap store.Snapshot, node string) bool {
	health, ok := store.Get[*api.NodeStatus](snap, api.Key{Kind: api.KindNodeStatus, ID: node})
	return ok && health.Status == api.NodeReady
}

// stopped reports whether nothing of the job should run.
func (v *view) stopped() bool { return v.job == nil || v.job.Stopped() }

// current returns the version of the job; 0 if it is gone.
func (v *view) current() uint64 {
	if v.job == nil {
		return 0
	}
	return api.Deref(v.job.Version)
}

// foreign reports whether an allocation belongs to an earlier job of the same ID,
// which was purged before this one was registered.
func (v *view) foreign(i *instance) bool {
	return v.job != nil && i.CreateIndex < api.Deref(v.job.CreateIndex)
}

// deployment returns the deployment of that ID, or nil.
func (v *view) deployment(id string) *api.Deployment {
	for _, d := range v.deployments {
		if d.ID == id {
			return d
		}
	}
	return nil
}

// instance is an allocation with what its node agent says of it.
type instance struct {
	*api.Allocation
	status *api.AllocationStatus // nil: nothing yet
	slot   int                   // the number in its name, −1 if it has none
	// expected says that it is unknown, but its node is back: in a moment its node agent
	// has spoken of it.
	expected bool
	// reunited says that it gave way to its predecessor, whose node came back, or to its
	// successor.
	reunited bool
}

// ended reports whether the node agent says that nothing of it runs any more.
func (i *instance) ended() bool { return i.status.Terminal() }

func (i *instance) failed() bool {
	return i.status != nil && i.status.ClientStatus == api.AllocClientFailed
}

func (i *instance) completed() bool {
	return i.status != nil && i.status.ClientStatus == api.AllocClientComplete
}

// canary reports whether it was placed to try its version out.
func (i *instance) canary() bool { return i.DeploymentStatus != nil && i.DeploymentStatus.Canary }

// use is 0 for an instance that does not run or is not healthy, 1 for one that its rollout
// has not found healthy yet, 2 for others.
func (i *instance) use() int {
	health := healthOf(i.Allocation)
	switch {
	case !i.runs() || health == unhealthy:
		return 0
	case i.DeploymentID != "" && health != healthy:
		return 1
	}
	return 2
}

// done reports whether it did what a batch instance is for. One that was told to stop,
// or to go on elsewhere, may have been cut short.
func (i *instance) done() bool {
	if !i.completed() || i.WantsRun() {
		return i.completed()
	}
	return !api.Deref(i.DesiredTransition.Migrate) && !i.status.Killed()
}

// live reports whether it should run and, as far as is known, does or will.
func (i *instance) live() bool {
	return i.WantsRun() && !i.ended() && i.Lost != api.AllocClientLost
}

// leaving reports whether it was asked to go elsewhere.
func (i *instance) leaving() bool {
	return i.live() && api.Deref(i.DesiredTransition.Migrate)
}

// replaceable reports whether it failed and its time to be replaced has come.
func (i *instance) replaceable() bool {
	t := &i.DesiredTransition
	return i.failed() && i.WantsRun() && i.NextAllocation == "" &&
		(api.Deref(t.Reschedule) || api.Deref(t.ForceReschedule))
}
