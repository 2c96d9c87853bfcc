package gc

import (
	"cmp"
	"iter"
	"slices"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// versions finds those that nothing runs and that nobody may go back to, with what
// was submitted for them.
func versions(a age) iter.Seq[unit] {
	return func(yield func(unit) bool) {
		for _, all := range a.versionsByJob() {
			namespace, id := api.Deref(all[0].Job.Namespace), api.Deref(all[0].Job.ID)
			job := a.job(namespace, id)
			candidates := all
			if job != nil {
				candidates = untracked(all, api.Deref(job.Version), a.o.TrackedVersions)
			}
			if len(candidates) == 0 {
				continue
			}
			used := a.usedVersions(namespace, id)
			for _, v := range candidates {
				if used[versionOf(v)] {
					continue
				}
				u := unit{
					conditions: []store.Condition{store.Unchanged(v), jobCondition(job, namespace, id)},
					deletes:    []api.Key{v.Key()},
				}
				submission := api.Key{Kind: api.KindJobSubmission, Namespace: namespace, ID: v.Key().ID}
				if _, ok := a.Get(submission); ok {
					u.deletes = append(u.deletes, submission)
				}
				if !yield(u) {
					return
				}
			}
		}
	}
}

func versionOf(v *api.JobVersion) uint64 { return api.Deref(v.Job.Version) }

// versionsByJob returns the versions of each job, newest first, jobs by key.
func (a age) versionsByJob() [][]*api.JobVersion {
	byJob := make(map[string][]*api.JobVersion)
	for v := range store.List[*api.JobVersion](a, store.Query{}) {
		job := store.JobValue(api.Deref(v.Job.Namespace), api.Deref(v.Job.ID))
		byJob[job] = append(byJob[job], v)
	}
	out := make([][]*api.JobVersion, 0, len(byJob))
	for _, all := range byJob {
		slices.SortFunc(all, func(x, y *api.JobVersion) int { return cmp.Compare(versionOf(y), versionOf(x)) })
		out = append(out, all)
	}
	slices.SortFunc(out, func(x, y []*api.JobVersion) int { return cmp.Compare(x[0].Key().String(), y[0].Key().String()) })
	return out
}

// untracked returns the versions of a job, given newest first, that are not kept for
// it: neither the current one, nor tagged, nor among the newest, of which the last
// gives way to the newest stable one if that is older.
func untracked(all []*api.JobVersion, current uint64, tracked int) []*api.JobVersion {
	if len(all) <= tracked {
		return nil
	}
	ranked := slices.Clone(all)
	if stable := slices.IndexFunc(ranked, func(v *api.JobVersion) bool { return v.Stable }); stable >= tracked {
		v := ranked[stable]
		ranked = slices.Insert(slices.Delete(ranked, stable, stable+1), tracked-1, v)
	}
	return slices.DeleteFunc(ranked[tracked:], func(v *api.JobVersion) bool {
		return v.Tag != nil || versionOf(v) == current
	})
}

// usedVersions returns the versions of a job that allocations or deployments refer to.
func (a age) usedVersions(namespace, id string) map[uint64]bool {
	out := make(map[uint64]bool)
	ofJob := store.Query{Index: store.ByJob, Value: store.JobValue(namespace, id)}
	for alloc := range store.List[*api.Allocation](a, ofJob) {
		out[alloc.JobVersion] = true
	}
	for d := range store.List[*api.Deployment](a, ofJob) {
		if d.Active() {
			out[d.JobVersion] = true
		}
	}
	return out
}
