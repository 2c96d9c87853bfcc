package admission

import (
	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
)

// waiters knows who depends on whom, so that a change of a job wakes those who wait for
// it and nobody else. It belongs to the goroutine that maps changes.
type waiters struct {
	on map[reconcile.Request]map[reconcile.Request]bool // by the job that is waited for
}

func newWaiters() *waiters {
	return &waiters{on: make(map[reconcile.Request]map[reconcile.Request]bool)}
}

// load makes it anew.
func (w *waiters) load(snap store.Snapshot) {
	clear(w.on)
	for j := range store.List[*api.Job](snap, store.Query{}) {
		w.set(j, true)
	}
}

// set enters a job's dependencies, or removes them.
func (w *waiters) set(j *api.Job, depends bool) {
	if j == nil {
		return
	}
	who := keyOf(j)
	for _, d := range j.DependsOn {
		other := otherOf(j, d)
		switch {
		case !depends:
			if delete(w.on[other], who); len(w.on[other]) == 0 {
				delete(w.on, other)
			}
		case w.on[other] == nil:
			w.on[other] = map[reconcile.Request]bool{who: true}
		default:
			w.on[other][who] = true
		}
	}
}

// of returns what is to be looked at when a job that others may depend on changed.
func (w *waiters) of(snap store.Snapshot, other reconcile.Request) []reconcile.Request {
	dependents := w.on[other]
	if len(dependents) == 0 {
		return nil
	}
	woken := make([]reconcile.Request, 0, len(dependents))
	for who := range dependents {
		if j := get[*api.Job](snap, api.JobKey(who.Namespace, who.ID)); j != nil {
			woken = append(woken, decidedBy(j))
		}
	}
	return woken
}

func (w *waiters) onJob(snap store.Snapshot, c store.Change) []reconcile.Request {
	before, _ := c.Old.(*api.Job)
	after, _ := c.New.(*api.Job)
	w.set(before, false)
	w.set(after, true)
	woken := w.of(snap, reconcile.RequestFor(c.Key))
	if after != nil {
		return append(woken, concerned(snap, c)...)
	}
	if before.Limited() { // its place is free
		woken = append(woken, decidedBy(before))
	}
	return woken
}

// concerned gives the request by which a job is decided about, and one for a pattern,
// whose children may wait.
func concerned(_ store.Snapshot, c store.Change) []reconcile.Request {
	j := c.New.(*api.Job)
	if j.NeedsAdmission() || (j.ParameterizedJob != nil && !j.Dispatched) {
		return []reconcile.Request{decidedBy(j)}
	}
	return nil
}

func (w *waiters) onStatus(snap store.Snapshot, c store.Change) []reconcile.Request {
	woken := w.of(snap, reconcile.RequestFor(c.Key))
	if j := get[*api.Job](snap, api.JobKey(c.Key.Namespace, c.Key.ID)); j != nil && j.NeedsAdmission() {
		woken = append(woken, decidedBy(j))
	}
	return woken
}

func (w *waiters) onDeployment(snap store.Snapshot, c store.Change) []reconcile.Request {
	d, ok := c.New.(*api.Deployment)
	if !ok {
		return nil
	}
	return w.of(snap, reconcile.Request{Namespace: d.Namespace, ID: d.JobID})
}

func (w *waiters) onAllocation(snap store.Snapshot, c store.Change) []reconcile.Request {
	a, ok := c.New.(*api.Allocation)
	if !ok {
		return nil
	}
	return w.of(snap, reconcile.Request{Namespace: a.Namespace, ID: a.JobID})
}

func (w *waiters) onAllocationStatus(snap store.Snapshot, c store.Change) []reconcile.Request {
	s, ok := c.New.(*api.AllocationStatus)
	if !ok {
		return nil
	}
	return w.of(snap, reconcile.Request{Namespace: s.Namespace, ID: s.JobID})
}

// decidedBy is the request by which a job is decided about: that of its parent if it
// stands in a queue with its siblings.
func decidedBy(j *api.Job) reconcile.Request {
	if j.Limited() {
		return reconcile.Request{Namespace: api.Deref(j.Namespace), ID: api.Deref(j.ParentID)}
	}
	return keyOf(j)
}

func keyOf(j *api.Job) reconcile.Request { return reconcile.RequestFor(j.Key()) }

// otherOf is the job that a dependency names.
func otherOf(j *api.Job, d *api.JobDependency) reconcile.Request {
	key := d.Key(j)
	return reconcile.Request{Namespace: key.Namespace, ID: key.ID}
}
