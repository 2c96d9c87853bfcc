package httpapi

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// registration is a canonical, valid job on its way into the store.
type registration struct {
	job        *api.Job
	submission *api.JobSubmission // may be nil
	// enforce says that the job must be as written at index, or absent if that is 0.
	enforce bool
	index   uint64
	// preserveCounts keeps the counts that the groups have now.
	preserveCounts bool
	dryRun         bool   // it is not going to be written
	evalPriority   int    // 0: the job's
	trigger        string // of the evaluation; empty: that the job was registered
}

// registered is what a registration did, but for the index.
type registered struct {
	job  *api.Job        // as it is stored then
	eval *api.Evaluation // nil for a job that places nothing itself
	// unchangedAt is the index at which the job was written before, if it is the same.
	unchangedAt uint64
}

// planRegister returns the transaction that registers a job: the job, its new
// version, what it was submitted as, and an evaluation. A job that is there already
// keeps its version and only gets an evaluation.
func planRegister(s store.Snapshot, r registration, now time.Time) (store.Txn, registered, error) {
	namespace, id := api.Deref(r.job.Namespace), api.Deref(r.job.ID)
	current := get[*api.Job](s, api.JobKey(namespace, id))
	txn, err := placeConditions(s, r.job)
	if err != nil {
		return txn, registered{}, err
	}
	if err := r.check(current); err != nil {
		return txn, registered{}, err
	}
	if !r.dryRun {
		taken, err := takesJobs(s)
		if err != nil {
			return txn, registered{}, err
		}
		txn.Conditions = append(txn.Conditions, taken)
	}
	depends, err := dependsConditions(storedJob(s), r.job)
	if err != nil {
		return txn, registered{}, err
	}
	txn.Conditions = append(txn.Conditions, depends...)
	job, err := r.next(s, current, now)
	if err != nil {
		return txn, registered{}, err
	}
	out := registered{job: job, eval: registrationEval(job, cmp.Or(r.trigger, api.TriggerJobRegister), r.evalPriority, now)}
	if current == nil {
		txn.Conditions = append(txn.Conditions, store.Absent(job.Key()))
	} else {
		txn.Conditions = append(txn.Conditions, store.Unchanged(current))
		same, err := sameSpec(current, job)
		if err != nil {
			return txn, out, err
		}
		if same {
			out.job, out.unchangedAt = current, api.Deref(current.JobModifyIndex)
			txn.Writes = append(txn.Writes, out.again()...)
			return txn, out, nil
		}
	}
	version := &api.JobVersion{Job: job, Tag: job.VersionTag}
	txn.Conditions = append(txn.Conditions, store.Absent(version.Key()))
	txn.Writes = append(txn.Writes, store.Put(job), store.Put(version))
	if r.submission != nil {
		kept := *r.submission
		kept.Namespace, kept.JobID, kept.Version = namespace, id, *job.Version
		txn.Writes = append(txn.Writes, store.Put(&kept))
	}
	txn.Writes = append(txn.Writes, puts(out.eval)...)
	return txn, out, nil
}

// registrationEval returns a request to look at a job that was written; nil for one that
// places nothing itself.
func registrationEval(job *api.Job, trigger string, priority int, now time.Time) *api.Evaluation {
	if job.IsTemplate() {
		return nil
	}
	return evaluationOf(job, trigger, priority, now)
}

// puts writes an evaluation, if there is one.
func puts(eval *api.Evaluation) []store.Write {
	if eval == nil {
		return nil
	}
	return []store.Write{store.Put(eval)}
}

// again writes the evaluation of a job that stays as it was written before.
func (r *registered) again() []store.Write {
	if r.eval != nil {
		r.eval.JobModifyIndex = r.unchangedAt
	}
	return puts(r.eval)
}

// asked returns the ID of the evaluation, and the index at which it was written; none
// for a job that places nothing itself.
func (r *registered) asked(index uint64) (string, uint64) {
	if r.eval == nil {
		return "", 0
	}
	return r.eval.ID, index
}

// placeConditions says that the namespace and the node pool of a job exist.
func placeConditions(s store.Snapshot, j *api.Job) (store.Txn, error) {
	var txn store.Txn
	invalid := &api.InvalidError{What: fmt.Sprintf("job %q", api.Deref(j.ID))}
	namespace := get[*api.Namespace](s, api.Key{Kind: api.KindNamespace, ID: api.Deref(j.Namespace)})
	if namespace == nil || namespace.Deleting {
		invalid.Add("namespace", fmt.Sprintf("namespace %q does not exist", api.Deref(j.Namespace)))
	} else {
		txn.Conditions = append(txn.Conditions, store.Unchanged(namespace))
		permitted(namespace, j, invalid)
	}
	pool := get[*api.NodePool](s, api.Key{Kind: api.KindNodePool, ID: api.Deref(j.NodePool)})
	if pool == nil || pool.Deleting {
		invalid.Add("node_pool", fmt.Sprintf("node pool %q does not exist", api.Deref(j.NodePool)))
	} else {
		txn.Conditions = append(txn.Conditions, store.Unchanged(pool))
	}
	return txn, invalid.OrNil()
}

// check compares the registration with the job as it is, which may be nil.
func (r registration) check(current *api.Job) error {
	at := uint64(0)
	if current != nil {
		at = api.Deref(current.JobModifyIndex)
	}
	switch {
	case !r.enforce || at == r.index:
	case r.index == 0:
		return wordedf(api.ErrConflict, "Enforcing job modify index 0: job already exists")
	case current == nil:
		return wordedf(api.ErrConflict, "Enforcing job modify index %d: job does not exist", r.index)
	default:
		return wordedf(api.ErrConflict, "Enforcing job modify index %d: job exists with conflicting job modify index: %d", r.index, at)
	}
	if current == nil {
		return nil
	}
	invalid := &api.InvalidError{What: fmt.Sprintf("job %q", api.Deref(r.job.ID))}
	if from, to := api.Deref(current.Type), api.Deref(r.job.Type); from != to {
		invalid.Add("type", fmt.Sprintf("a %s job can't become a %s job: purge it first, or use another ID", from, to))
	}
	for _, block := range []struct {
		name      string
		was, will bool
	}{
		{"periodic", current.Periodic != nil, r.job.Periodic != nil},
		{"parameterized", current.ParameterizedJob != nil, r.job.ParameterizedJob != nil},
	} {
		if block.was != block.will {
			invalid.Add(block.name, "a job can neither get nor lose this block, which says what it is: purge it first, or use another ID")
		}
	}
	return invalid.OrNil()
}

// next returns the job as it is to be stored.
func (r registration) next(s store.Snapshot, current *api.Job, now time.Time) (*api.Job, error) {
	job, err := api.Clone(r.job)
	if err != nil {
		return nil, err
	}
	if current != nil && r.preserveCounts {
		for _, g := range job.TaskGroups {
			if had := current.Group(api.Deref(g.Name)); had != nil && g.Indexed == nil && had.Indexed == nil {
				g.Count = had.Count
			}
		}
	}
	version := nextVersion(s, api.Deref(job.Namespace), api.Deref(job.ID), current)
	job.Version, job.SubmitTime = &version, new(now.UnixNano())
	job.Stop = new(false)
	return job, nil
}

// nextVersion returns the number of a job's next version. current is nil if there is no
// such job.
func nextVersion(s store.Snapshot, namespace, id string, current *api.Job) uint64 {
	version := uint64(0)
	// A job of the same ID that was purged may have left versions, for as long as
	// allocations run them.
	if left := versionsOf(s, namespace, id); len(left) > 0 {
		version = api.Deref(left[0].Job.Version) + 1
	}
	if current != nil {
		version = max(version, api.Deref(current.Version)+1)
	}
	return version
}

// evaluationOf returns a request to look at a job again. A priority of 0 is the job's.
func evaluationOf(job *api.Job, trigger string, priority int, now time.Time) *api.Evaluation {
	eval := newEvaluation(trigger, now)
	eval.Namespace, eval.JobID, eval.Type = api.Deref(job.Namespace), api.Deref(job.ID), api.Deref(job.Type)
	eval.Priority = api.Deref(job.Priority)
	if priority > 0 {
		eval.Priority = priority
	}
	return eval
}

// sameSpec reports whether two canonical jobs ask for the same. An empty list or map
// and none at all mean the same.
func sameSpec(a, b *api.Job) (bool, error) {
	x, err := specTree(a)
	if err != nil {
		return false, err
	}
	y, err := specTree(b)
	if err != nil {
		return false, err
	}
	return reflect.DeepEqual(x, y), nil
}

// specTree returns what a job asks for as a tree without empty branches.
func specTree(j *api.Job) (any, error) {
	spec := *j
	spec.Version, spec.VersionTag, spec.SubmitTime = nil, nil, nil
	spec.Status, spec.StatusDescription, spec.Stable = nil, nil, nil
	spec.CreateIndex, spec.ModifyIndex, spec.JobModifyIndex = nil, nil, nil
	spec.NomadTokenID = nil
	b, err := json.Marshal(&spec)
	if err != nil {
		return nil, fmt.Errorf("compare job %s: %w", api.Deref(j.ID), err)
	}
	var tree any
	if err := json.Unmarshal(b, &tree); err != nil {
		return nil, fmt.Errorf("compare job %s: %w", api.Deref(j.ID), err)
	}
	return prune(tree), nil
}

// prune removes nulls and empty branches of a tree, or returns nil for one itself.
func prune(tree any) any {
	switch t := tree.(type) {
	case map[string]any:
		for k, v := range t {
			if t[k] = prune(v); t[k] == nil {
				delete(t, k)
			}
		}
		if len(t) == 0 {
			return nil
		}
	case []any:
		for i := range t {
			t[i] = prune(t[i])
		}
		if len(t) == 0 {
			return nil
		}
	}
	return tree
}

// errUnknownJob ends the planning of a change to a job that does not exist.
var errUnknownJob = errors.New("job does not exist")

// planStop returns the transaction that stops a job: a new version of it that says
// so, and an evaluation. A job that is stopped already only gets an evaluation.
func planStop(s store.Snapshot, namespace, id string, priority int, now time.Time) (store.Txn, registered, error) {
	current := get[*api.Job](s, api.JobKey(namespace, id))
	if current == nil {
		return store.Txn{}, registered{}, errUnknownJob
	}
	out := registered{eval: registrationEval(current, api.TriggerJobDeregister, priority, now)}
	txn := store.Txn{Conditions: []store.Condition{store.Unchanged(current)}}
	if current.Stopped() {
		out.unchangedAt = api.Deref(current.JobModifyIndex)
		txn.Writes = out.again()
		return txn, out, nil
	}
	stopped, err := api.Clone(current)
	if err != nil {
		return txn, out, err
	}
	version := api.Deref(current.Version)
	stable := false
	if v := get[*api.JobVersion](s, api.JobVersionKey(namespace, id, version)); v != nil {
		stable = v.Stable
	}
	stopped.Stop, stopped.Version, stopped.SubmitTime = new(true), new(version+1), new(now.UnixNano())
	next := &api.JobVersion{Job: stopped, Stable: stable}
	txn.Conditions = append(txn.Conditions, store.Absent(next.Key()))
	txn.Writes = append([]store.Write{store.Put(stopped), store.Put(next)}, puts(out.eval)...)
	return txn, out, nil
}

// planPurge returns the transaction that removes a job, its status and what it was
// submitted as, with an evaluation by which its allocations are stopped. Its versions
// stay for as long as allocations run them: the gc controller removes them.
func planPurge(s store.Snapshot, namespace, id string, priority int, now time.Time) (store.Txn, registered, error) {
	current := get[*api.Job](s, api.JobKey(namespace, id))
	if current == nil {
		return store.Txn{}, registered{}, errUnknownJob
	}
	out := registered{eval: registrationEval(current, api.TriggerJobDeregister, priority, now)}
	txn := store.Txn{
		Conditions: []store.Condition{store.Unchanged(current)},
		Writes: []store.Write{
			store.Delete(current.Key()), store.Delete(api.JobStatusKey(namespace, id)),
			store.Delete(api.JobAdmissionKey(namespace, id)),
			store.Delete(api.ScalingEventsKey(namespace, id)), store.Delete(api.PeriodicLaunchKey(namespace, id)),
		},
	}
	txn.Writes = append(txn.Writes, puts(out.eval)...)
	for _, v := range versionsOf(s, namespace, id) {
		key := api.Key{Kind: api.KindJobSubmission, Namespace: namespace, ID: api.VersionID(id, api.Deref(v.Job.Version))}
		if get[*api.JobSubmission](s, key) != nil {
			txn.Writes = append(txn.Writes, store.Delete(key))
		}
	}
	return txn, out, nil
}
