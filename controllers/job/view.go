package job

import (
	"cmp"
	"slices"
	"strings"
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

	instances   []instance            // every allocation of the job, or those that are open, ordered by ID
	settled     map[string]*settled   // by group, those that are not read; nil: all are
	deployments []*api.Deployment     // every one of the job, ordered by ID
	pending     []*api.Evaluation     // asked for and not answered, oldest first
	last        *api.Evaluation       // of a job with indexes, the newest of the current version that was answered
	blocked     []*api.Evaluation     // those that wait for room: none or one
	status      *api.JobStatus        // nil: this is the first pass
	admission   *api.JobAdmission     // nil: there is none
	version     func(uint64) *api.Job // the spec of a version; nil if it is gone
	basis       *api.JobVersion       // the version that is current, or nil
	stable      func() []*api.Job     // the versions that were found good
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
	v.settled = nil
}

// readOpen reads no other allocations than those given, and returns which of these there
// are no more; others are what else there is.
func (v *view) readOpen(snap store.Snapshot, ids []string, others map[string]*settled) (gone []string) {
	slices.Sort(ids)
	v.settled = others
	for _, id := range ids {
		a, ok := store.Get[*api.Allocation](snap, api.Key{Kind: api.KindAllocation, ID: id})
		if !ok {
			gone = append(gone, id)
			continue
		}
		v.instances = append(v.instances, readInstance(snap, a))
	}
	return gone
}

// readSpec reads all but the allocations.
func readSpec(snap store.Snapshot, req reconcile.Request, now time.Time) *view {
	v := &view{req: req, now: now, index: snap.Index()}
	v.job, _ = store.Get[*api.Job](snap, api.JobKey(req.Namespace, req.ID))
	v.status, _ = store.Get[*api.JobStatus](snap, api.JobStatusKey(req.Namespace, req.ID))
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

// stopped reports whether nothing of the job should run.
func (v *view) stopped() bool { return v.job == nil || v.job.Stopped() }

// current returns the version of the job; 0 if it is gone.
func (v *view) current() uint64 {
	if v.job == nil {
		return 0
	}
	return api.Deref(v.job.Version)
}

// atOnce reports whether the instances of all groups are placed together or not at all.
// Those of a system job belong to their nodes.
func (v *view) atOnce() bool {
	return v.job != nil && api.Deref(v.job.AllAtOnce) && !v.job.IsSystem()
}

// ofCurrent reports whether an allocation is of the current version of this very job.
func (v *view) ofCurrent(i *instance) bool { return i.JobVersion == v.current() && !v.foreign(i) }

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

// sortByAge orders evaluations by when they were asked for.
func sortByAge(evals []*api.Evaluation) {
	slices.SortFunc(evals, func(a, b *api.Evaluation) int {
		return cmp.Or(cmp.Compare(a.CreateIndex, b.CreateIndex), strings.Compare(a.ID, b.ID))
	})
}
