package gc

import (
	"slices"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// crowd says, by kind, up to which moment (Unix nanoseconds) ended objects go before
// their time, because more of them are there than are kept.
type crowd map[api.Kind]int64

// crowding finds out of which kinds there are too many ended objects. It looks at a kind
// only if there are more objects of it than ended ones may be.
func crowding(s store.Snapshot, o Options) crowd {
	c := make(crowd)
	c.note(s, api.KindJob, o.JobLimit, func(yield func(int64)) {
		for status := range store.List[*api.JobStatus](s, store.Query{Index: store.ByStatus, Value: api.JobStatusDead}) {
			if j, ok := store.Get[*api.Job](s, api.JobKey(status.Namespace, status.JobID)); ok && mayGo(j) {
				yield(endOf(j, status))
			}
		}
	})
	c.note(s, api.KindAllocation, o.AllocationLimit, func(yield func(int64)) {
		for alloc, status := range endedAllocations(s) {
			yield(lastWritten(alloc, status))
		}
	})
	c.note(s, api.KindEvaluation, o.EvalLimit, func(yield func(int64)) {
		for e := range store.List[*api.Evaluation](s, store.Query{}) {
			if e.Terminal() {
				yield(e.ModifyTime)
			}
		}
	})
	c.note(s, api.KindDeployment, o.DeploymentLimit, func(yield func(int64)) {
		for d := range store.List[*api.Deployment](s, store.Query{}) {
			if !d.Active() {
				yield(d.ModifyTime)
			}
		}
	})
	return c
}

// note finds the moment for a kind of which limit ended objects are kept. each yields
// when they were last written.
func (c crowd) note(s store.Snapshot, kind api.Kind, limit int, each func(yield func(int64))) {
	if s.Count(store.Query{Kind: kind}) <= limit {
		return
	}
	var written []int64
	each(func(at int64) { written = append(written, at) })
	if over := len(written) - limit; over > 0 {
		slices.Sort(written)
		c[kind] = written[over-1]
	}
}

// out reports whether an ended object of a kind, last written at a time (Unix
// nanoseconds), goes because there are too many.
func (c crowd) out(kind api.Kind, written int64) bool {
	until, crowded := c[kind]
	return crowded && written <= until
}

// endOf returns when a dead job ended, as far as is known. Unix nanoseconds.
func endOf(j *api.Job, status *api.JobStatus) int64 {
	return max(api.Deref(j.SubmitTime), status.EndedAt)
}
