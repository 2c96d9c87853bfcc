package httpapi

import (
	"iter"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// view joins the objects of one snapshot into what the API shows. It is for one
// answer, and for one goroutine.
type view struct {
	s        store.Snapshot
	versions map[api.Key]*api.Job // joined, by key of the JobVersion; nil if gone
	call     *call                // nil: summaries are counted from the snapshot
}

func newView(s store.Snapshot) *view {
	return &view{s: s, versions: map[api.Key]*api.Job{}}
}

// newSummaries returns a view whose summaries come from the API's tally: they are as of
// the snapshot, or later.
func newSummaries(s store.Snapshot, c *call) *view {
	v := newView(s)
	v.call = c
	return v
}

func get[T api.Object](s store.Snapshot, key api.Key) T {
	o, _ := store.Get[T](s, key)
	return o
}

// job returns the current version of a job, or nil.
func (v *view) job(namespace, id string) *api.Job {
	j := get[*api.Job](v.s, api.JobKey(namespace, id))
	if j == nil {
		return nil
	}
	return v.join(j)
}

// join returns a stored job as it is shown.
func (v *view) join(j *api.Job) *api.Job {
	namespace, id := api.Deref(j.Namespace), api.Deref(j.ID)
	return api.JoinJob(j,
		get[*api.JobStatus](v.s, api.JobStatusKey(namespace, id)),
		get[*api.JobVersion](v.s, api.JobVersionKey(namespace, id, api.Deref(j.Version))))
}

// version returns one version of a job, or nil.
func (v *view) version(namespace, jobID string, version uint64) *api.Job {
	key := api.JobVersionKey(namespace, jobID, version)
	joined, known := v.versions[key]
	if !known {
		if stored := get[*api.JobVersion](v.s, key); stored != nil {
			joined = v.joinVersion(stored)
		}
		v.versions[key] = joined
	}
	return joined
}

func (v *view) joinVersion(stored *api.JobVersion) *api.Job {
	namespace, id := api.Deref(stored.Job.Namespace), api.Deref(stored.Job.ID)
	return api.JoinVersion(stored,
		get[*api.Job](v.s, api.JobKey(namespace, id)),
		get[*api.JobStatus](v.s, api.JobStatusKey(namespace, id)))
}

// summary counts what a job's allocations and children do.
func (v *view) summary(j *api.Job) *api.JobSummary {
	namespace, id := api.Deref(j.Namespace), api.Deref(j.ID)
	s := api.NewSummary(j, get[*api.JobStatus](v.s, api.JobStatusKey(namespace, id)))
	if v.call == nil || v.call.api.tally.Add(v.call.http.Context(), v.s.Index(), s) != nil {
		for a, status := range store.Joined(v.s, store.Query{Index: store.ByJob, Value: store.JobValue(namespace, id)}) {
			s.CountAllocation(a, status)
		}
	}
	children := store.Query{Index: store.ByParent, Value: store.JobValue(namespace, id)}
	for child := range store.List[*api.Job](v.s, children) {
		s.CountChild(get[*api.JobStatus](v.s, api.JobStatusKey(namespace, api.Deref(child.ID))))
	}
	return s
}

func (v *view) status(a *api.Allocation) *api.AllocationStatus {
	return get[*api.AllocationStatus](v.s, api.Key{Kind: api.KindAllocationStatus, ID: a.ID})
}

// allocation returns an allocation with its job.
func (v *view) allocation(a *api.Allocation) *api.Allocation {
	return api.JoinAllocation(a, v.status(a), v.version(a.Namespace, a.JobID, a.JobVersion))
}

// stub returns an allocation as it is listed.
func (v *view) stub(a *api.Allocation, o api.StubOptions) *api.AllocationListStub {
	var job *api.Job
	if o.Resources {
		job = v.version(a.Namespace, a.JobID, a.JobVersion)
	}
	return api.AllocStub(a, v.status(a), job, o)
}

func (v *view) node(n *api.Node) *api.Node {
	return api.JoinNode(n,
		get[*api.NodeIntent](v.s, api.Key{Kind: api.KindNodeIntent, ID: n.ID}),
		get[*api.NodeStatus](v.s, api.Key{Kind: api.KindNodeStatus, ID: n.ID}))
}

// inNamespace yields the items of a namespace, or all if it is "".
func inNamespace[T any](items iter.Seq[T], namespace string, of func(T) string) iter.Seq[T] {
	if namespace == "" {
		return items
	}
	return where(items, func(item T) bool { return of(item) == namespace })
}

// where yields the items that are wanted.
func where[T any](items iter.Seq[T], wanted func(T) bool) iter.Seq[T] {
	return func(yield func(T) bool) {
		for item := range items {
			if wanted(item) && !yield(item) {
				return
			}
		}
	}
}

// each yields what is made of each item.
func each[T, U any](items iter.Seq[T], make func(T) U) iter.Seq[U] {
	return func(yield func(U) bool) {
		for item := range items {
			if !yield(make(item)) {
				return
			}
		}
	}
}
