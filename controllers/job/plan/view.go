package plan

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
)

// View is what one pass over a job reads, from one snapshot. The objects in it are shared
// with everybody: nobody changes them. It is used by one pass, in one goroutine.
type View struct {
	Req   reconcile.Request // the key of the job
	Now   time.Time         // of the pass, by the leader's clock
	Index uint64            // of the snapshot
	Job   *api.Job          // nil: there never was one, or it was purged
	Basis *api.JobVersion   // the version that is current, or nil

	// Instances are the allocations of the job, ordered by ID: every one of them, or those
	// that the pass has to look at.
	Instances []Instance

	Pending   []*api.Evaluation // asked for and not answered, oldest first
	Blocked   []*api.Evaluation // those that wait for room: none or one
	Last      *api.Evaluation   // the newest that was answered of the current version; of jobs with indexes only
	Status    *api.JobStatus    // as the last pass left it; nil: this is the first
	Admission *api.JobAdmission // whether it may begin; nil: nobody has said so

	settled     map[string]*Settled           // by group, those that are not read; nil: all are
	claims      map[home]*api.HostVolumeClaim // where volumes are to which instances come back
	deployments []*api.Deployment             // every one of the job, ordered by ID
	version     func(uint64) *api.Job         // the spec of a version; nil if it is gone
	stable      func() []*api.Job             // the versions that were found good
}

// Read collects the view of a job, with all of its allocations, from a snapshot.
func Read(snap store.Snapshot, req reconcile.Request, now time.Time) *View {
	v := ReadSpec(snap, req, now)
	v.ReadAll(snap)
	return v
}

// ReadAll reads every allocation of the job, whatever has been read of them before.
func (v *View) ReadAll(snap store.Snapshot) {
	v.Instances = readInstances(snap, store.Query{Index: store.ByJob, Value: store.JobValue(v.Req.Namespace, v.Req.ID)})
	v.settled = nil
}

// ReadOpen reads no other allocations than those given, which it sorts, and returns which of
// them there are no more; others are what else there is, by group. ok is false if that will
// not do, as somebody claims the slot of a settled instance: who stays has to be found out
// from both, by ReadAll.
func (v *View) ReadOpen(snap store.Snapshot, ids []string, others map[string]*Settled) (gone []string, ok bool) {
	slices.Sort(ids)
	v.settled = others
	for _, id := range ids {
		a, ok := store.Get[*api.Allocation](snap, api.AllocationKey(id))
		if !ok {
			gone = append(gone, id)
			continue
		}
		v.Instances = append(v.Instances, ReadInstance(snap, a))
	}
	return gone, !v.contested()
}

// ReadSpec reads all but the allocations: ReadAll or ReadOpen has to follow before Decide.
func ReadSpec(snap store.Snapshot, req reconcile.Request, now time.Time) *View {
	v := &View{Req: req, Now: now, Index: snap.Index()}
	v.Job, _ = store.Get[*api.Job](snap, api.JobKey(req.Namespace, req.ID))
	v.Status, _ = store.Get[*api.JobStatus](snap, api.JobStatusKey(req.Namespace, req.ID))
	versions := make(map[uint64]*api.Job)
	v.Admission, _ = store.Get[*api.JobAdmission](snap, api.JobAdmissionKey(req.Namespace, req.ID))
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
	if v.Job != nil {
		v.Basis, _ = store.Get[*api.JobVersion](snap, api.JobVersionKey(req.Namespace, req.ID, v.Current()))
	}
	v.stable = func() []*api.Job {
		var stable []*api.Job
		for version := range store.List[*api.JobVersion](snap, store.Query{Index: store.ByJob, Value: store.JobValue(req.Namespace, req.ID)}) {
			if version.Stable && version.CreateIndex >= api.Deref(v.Job.CreateIndex) {
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
		if v.claims == nil {
			v.claims = make(map[home]*api.HostVolumeClaim)
		}
		v.claims[home{c.TaskGroupName, c.Index, c.VolumeName}] = c
	}
	v.readEvaluations(snap)
	return v
}

// readEvaluations reads what is asked for and what waits. What was answered may be
// thousands: only of a job with indexes it is read, which has few.
func (v *View) readEvaluations(snap store.Snapshot) {
	ofJob := store.JobValue(v.Req.Namespace, v.Req.ID)
	for e := range store.List[*api.Evaluation](snap, store.Query{Index: store.ByOpenJob, Value: ofJob}) {
		if e.Status == api.EvalBlocked {
			v.Blocked = append(v.Blocked, e)
		} else {
			v.Pending = append(v.Pending, e)
		}
	}
	sortByAge(v.Pending)
	sortByAge(v.Blocked)
	if v.Job == nil || !isArray(v.Job) {
		return
	}
	for e := range store.List[*api.Evaluation](snap, store.Query{Index: store.ByJob, Value: ofJob}) {
		if e.Status == api.EvalComplete && e.CreateIndex >= api.Deref(v.Job.JobModifyIndex) && (v.Last == nil || v.Last.CreateIndex < e.CreateIndex) {
			v.Last = e
		}
	}
}

// Stopped reports whether nothing of the job should run: it was stopped, or is gone.
func (v *View) Stopped() bool { return v.Job == nil || v.Job.Stopped() }

// Current returns the version of the job; 0 if it is gone.
func (v *View) Current() uint64 {
	if v.Job == nil {
		return 0
	}
	return api.Deref(v.Job.Version)
}

// AtOnce reports whether the instances of all groups are placed together or not at all.
// Those of a system job belong to their nodes.
func (v *View) AtOnce() bool {
	return v.Job != nil && api.Deref(v.Job.AllAtOnce) && !v.Job.IsSystem()
}

// OfCurrent reports whether an instance is of the current version of this very job, not of
// one of the same ID that was purged.
func (v *View) OfCurrent(i *Instance) bool { return i.JobVersion == v.Current() && !v.foreign(i) }

// foreign reports whether an allocation belongs to an earlier job of the same ID,
// which was purged before this one was registered.
func (v *View) foreign(i *Instance) bool {
	return v.Job != nil && i.CreateIndex < api.Deref(v.Job.CreateIndex)
}

// deployment returns the deployment of that ID, or nil.
func (v *View) deployment(id string) *api.Deployment {
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
