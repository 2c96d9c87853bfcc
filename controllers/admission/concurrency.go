package admission

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
)

// child is a job of which only so many of its parent may run at once.
type child struct {
	job       *api.Job
	admission *api.JobAdmission // nil: there is none
	status    *api.JobStatus    // nil: not looked at yet
	// unmet says what it waits for besides.
	unmet      string
	conditions []store.Condition // that unmet was decided by
}

// running reports whether it takes one of the places.
func (c *child) running() bool { return c.admitted() && !c.gone() }

func (c *child) admitted() bool { return standing(c.job, c.admission, c.status) }

// gone reports whether nothing of it is to run any more.
func (c *child) gone() bool { return c.job.Stopped() || c.status.Ended(api.Deref(c.job.Version)) }

// before orders the queue: by priority, then by age.
func before(a, b *child) int {
	return cmp.Or(
		cmp.Compare(api.Deref(b.job.Priority), api.Deref(a.job.Priority)),
		cmp.Compare(api.Deref(a.job.SubmitTime), api.Deref(b.job.SubmitTime)),
		cmp.Compare(api.Deref(a.job.CreateIndex), api.Deref(b.job.CreateIndex)),
		cmp.Compare(api.Deref(a.job.ID), api.Deref(b.job.ID)),
	)
}

// admit chooses, of children that wait, those that may begin now. limit is nil if any
// number may run. Both lists are in the order of the queue.
func admit(children []*child, limit *int) (begin, wait []*child) {
	running := 0
	var queue []*child
	for _, c := range children {
		switch {
		case c.running():
			running++
		case !c.gone() && !c.admitted():
			queue = append(queue, c)
		}
	}
	slices.SortFunc(queue, before)
	for _, c := range queue {
		if c.unmet == "" && (limit == nil || running < *limit) {
			running++
			begin = append(begin, c)
		} else {
			wait = append(wait, c)
		}
	}
	return begin, wait
}

// decideChildren says which of the limited children of a job may begin.
func decideChildren(snap store.Snapshot, parent reconcile.Request) []*decision {
	key := api.JobKey(parent.Namespace, parent.ID)
	children := readChildren(snap, key)
	if len(children) == 0 {
		return nil
	}
	pattern := get[*api.Job](snap, key)
	limit := limitOf(pattern, children)
	begin, wait := admit(children, limit)
	var out []*decision
	for _, c := range children {
		if c.running() && !c.admission.Of(c.job) { // another version of it
			out = append(out, c.decision(pattern, key, true, ""))
		}
	}
	for _, c := range begin {
		out = append(out, c.decision(pattern, key, true, ""))
	}
	for _, c := range wait {
		reason := c.unmet
		if reason == "" {
			reason = fmt.Sprintf("waits for a place: as many children of job %q run as may at once (max_concurrent = %d)", parent.ID, *limit)
		}
		out = append(out, c.decision(pattern, key, false, reason))
	}
	return out
}

func (c *child) decision(pattern *api.Job, key api.Key, admitted bool, reason string) *decision {
	d := &decision{job: c.job, before: c.admission, admitted: admitted, reason: reason}
	d.conditions = append([]store.Condition{store.Unchanged(c.job)}, c.conditions...)
	if pattern == nil {
		d.conditions = append(d.conditions, store.Absent(key))
	} else {
		d.conditions = append(d.conditions, store.Unchanged(pattern))
	}
	return d
}

// limitOf is how many children may run at once: as many as their parent says now, or,
// if it is gone, said when the newest of them was made.
func limitOf(pattern *api.Job, children []*child) *int {
	if pattern != nil {
		if pattern.ParameterizedJob == nil {
			return nil
		}
		return pattern.ParameterizedJob.MaxConcurrent
	}
	newest := slices.MaxFunc(children, func(a, b *child) int {
		return cmp.Compare(api.Deref(a.job.CreateIndex), api.Deref(b.job.CreateIndex))
	})
	return newest.job.ParameterizedJob.MaxConcurrent
}

func readChildren(snap store.Snapshot, parent api.Key) []*child {
	var out []*child
	q := store.Query{Index: store.ByParent, Value: store.JobValue(parent.Namespace, parent.ID)}
	for j := range store.List[*api.Job](snap, q) {
		if !j.Limited() {
			continue
		}
		c := &child{job: j, admission: admissionOf(snap, j), status: statusOf(snap, j.Key())}
		if len(j.DependsOn) > 0 && !c.gone() && !c.admitted() {
			_, c.unmet, c.conditions = dependencies(snap, j)
		}
		out = append(out, c)
	}
	return out
}

// Place returns where a job stands in the queue of its siblings, counted from 1, and
// how long the queue is; 0 if it does not stand in one.
func Place(snap store.Snapshot, j *api.Job) (place, of int) {
	if !j.Limited() {
		return 0, 0
	}
	key := api.JobKey(api.Deref(j.Namespace), api.Deref(j.ParentID))
	children := readChildren(snap, key)
	if len(children) == 0 {
		return 0, 0
	}
	_, wait := admit(children, limitOf(get[*api.Job](snap, key), children))
	at := slices.IndexFunc(wait, func(c *child) bool { return api.Deref(c.job.ID) == api.Deref(j.ID) })
	if at < 0 {
		return 0, 0
	}
	return at + 1, len(wait)
}
