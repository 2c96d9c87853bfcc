package job

import (
	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
)

// arrays knows, of jobs with indexed groups, which allocations still matter: those that
// have not ended, or whose end has not been taken into the job's progress. A pass over
// such a job reads these only, so that a job of 50,000 indexes, a hundred at a time, is
// not looked at as a whole after each hundred. A job that is not known here is read as
// a whole.
//
// What is open may be more than what matters, never less: allocations are entered when
// they are committed, by the pass that placed them.
type arrays map[reconcile.Request]map[string]struct{}

// load makes it anew.
func (a arrays) load(snap store.Snapshot) {
	clear(a)
	for j := range store.List[*api.Job](snap, store.Query{}) {
		a.follow(snap, reconcile.RequestFor(j.Key()), j)
	}
}

// follow follows a change of a job, which is nil if it is gone.
func (a arrays) follow(snap store.Snapshot, req reconcile.Request, j *api.Job) {
	if !isArray(j) {
		delete(a, req)
		return
	}
	if a[req] != nil {
		return
	}
	open := make(map[string]struct{})
	ofJob := store.Query{Index: store.ByJob, Value: store.JobValue(req.Namespace, req.ID)}
	for allocation := range store.List[*api.Allocation](snap, ofJob) {
		open[allocation.ID] = struct{}{}
	}
	a[req] = open
}

// open enters an allocation of a job, if the job is known here.
func (a arrays) open(req reconcile.Request, id string) {
	if of := a[req]; of != nil {
		of[id] = struct{}{}
	}
}

// enter makes a job known of which a pass has read everything. Only who made the pass
// knows all that it committed: the change feed may be behind.
func (a arrays) enter(r *reservation) {
	if !isArray(r.job) || a[r.req] != nil {
		return
	}
	open := make(map[string]struct{}, len(r.read))
	for _, i := range r.read {
		open[i.ID] = struct{}{}
	}
	a[r.req] = open
}

// changed follows a change of an allocation.
func (a arrays) changed(c store.Change) {
	if after, ok := c.New.(*api.Allocation); ok {
		a.open(reconcile.Request{Namespace: after.Namespace, ID: after.JobID}, after.ID)
	} else if before, ok := c.Old.(*api.Allocation); ok {
		delete(a[reconcile.Request{Namespace: before.Namespace, ID: before.JobID}], before.ID)
	}
}

// arrayChanged follows a change of an allocation.
func (f *fleet) arrayChanged(c store.Change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.arrays.changed(c)
}

// opened returns the allocations of a job that matter; ok is false if all do.
func (f *fleet) opened(req reconcile.Request) (ids []string, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	of, ok := f.arrays[req]
	if !ok {
		return nil, false
	}
	ids = make([]string, 0, len(of))
	for id := range of {
		ids = append(ids, id)
	}
	return ids, true
}

// spend closes what a committed pass has taken into the job's progress.
func (f *fleet) spend(v *view, p *plan) {
	if !isArray(v.job) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	of := f.arrays[v.req]
	for n := range v.instances {
		if i := &v.instances[n]; p.spent(v, i) {
			delete(of, i.ID)
		}
	}
}

// spent reports whether an instance that ended has no say in what its job does next.
func (p *plan) spent(v *view, i *instance) bool {
	g := v.job.Group(i.TaskGroup)
	if !i.ended() || g != nil && g.Indexed == nil {
		return false
	}
	if g == nil || v.foreign(i) || i.JobVersion != v.current() || i.NextAllocation != "" {
		return true
	}
	for _, plan := range p.groups {
		if plan.name == i.TaskGroup && plan.progress != nil {
			return plan.progress.Completed.Has(i.slot) || plan.progress.Failed.Has(i.slot) && !i.replaceable()
		}
	}
	return false
}
