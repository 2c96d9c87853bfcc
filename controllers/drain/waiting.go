package drain

import (
	"sync"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
)

// waiting is the jobs that have instances on draining nodes which may leave later: only
// for those does it matter how their instances do. A job is in it from before the
// snapshot of the pass that finds such instances, so no change after it is missed.
type waiting struct {
	mu   sync.RWMutex // guards jobs
	jobs map[reconcile.Request]bool
}

func (w *waiting) set(req reconcile.Request, waits bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !waits {
		delete(w.jobs, req)
		return
	}
	if w.jobs == nil {
		w.jobs = make(map[reconcile.Request]bool)
	}
	w.jobs[req] = true
}

// wake gives a job if it waits.
func (w *waiting) wake(req reconcile.Request) []reconcile.Request {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if !w.jobs[req] {
		return nil
	}
	return []reconcile.Request{req}
}

// jobOfAllocation gives the job of an allocation that changed, and that of one that
// came to a draining node.
func (w *waiting) jobOfAllocation(snap store.Snapshot, c store.Change) []reconcile.Request {
	a, _ := c.New.(*api.Allocation)
	if a == nil {
		a = c.Old.(*api.Allocation)
	}
	if c.Old == nil && a.JobType == api.JobTypeService && intentOf(snap, a.NodeID).Draining() {
		return []reconcile.Request{requestOf(a)}
	}
	return w.wake(requestOf(a))
}

func (w *waiting) jobOfStatus(_ store.Snapshot, c store.Change) []reconcile.Request {
	s, _ := c.New.(*api.AllocationStatus)
	if s == nil {
		return nil
	}
	return w.wake(reconcile.Request{Namespace: s.Namespace, ID: s.JobID})
}

func (w *waiting) jobOfDeployment(_ store.Snapshot, c store.Change) []reconcile.Request {
	d := c.New.(*api.Deployment)
	return w.wake(reconcile.Request{Namespace: d.Namespace, ID: d.JobID})
}

func (w *waiting) job(_ store.Snapshot, c store.Change) []reconcile.Request {
	return w.wake(reconcile.RequestFor(c.Key))
}
