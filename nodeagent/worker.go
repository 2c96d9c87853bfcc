package nodeagent

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/session"
)

// worker holds the allocations of this node against those that the servers want.
type worker struct {
	a *Agent

	mu      sync.Mutex // guards the rest
	runners map[string]*runner
	// jobs are the versions that this session's server has sent, and those that
	// allocations run.
	jobs   map[api.Key]*api.Job
	closed bool // no more allocations are begun
}

func newWorker(a *Agent) *worker {
	return &worker{a: a, runners: map[string]*runner{}, jobs: map[api.Key]*api.Job{}}
}

// errNoJob says that a server left out a job version that this agent has forgotten:
// a new session brings it.
var errNoJob = errors.New("the server did not send the job version of an allocation")

// apply brings the allocations to what a server wants. It returns at once; runners do
// the work.
func (w *worker) apply(d *session.Desired) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if d.Full {
		w.forgetJobs()
	}
	for _, j := range d.Jobs {
		w.jobs[api.JobVersionKey(api.Deref(j.Namespace), api.Deref(j.ID), api.Deref(j.Version))] = j
	}
	for _, a := range d.Allocations {
		if err := w.want(a, d.Full); err != nil {
			return err
		}
	}
	for _, id := range d.Removed {
		if r := w.runners[id]; r != nil {
			r.remove()
		}
	}
	if d.Full {
		w.dropOthers(d)
	}
	return nil
}

// forgetJobs keeps only job versions that allocations run. A server that sends a full
// set sends the other ones again.
func (w *worker) forgetJobs() {
	clear(w.jobs)
	for _, r := range w.runners {
		a, job := r.object()
		w.jobs[versionKey(a)] = job
	}
}

func versionKey(a *api.Allocation) api.Key {
	return api.JobVersionKey(a.Namespace, a.JobID, a.JobVersion)
}

// want brings one allocation to what is wanted of it.
func (w *worker) want(a *api.Allocation, full bool) error {
	job := w.jobs[versionKey(a)]
	if r := w.runners[a.ID]; r != nil {
		if job == nil && a.WantsRun() && !full {
			return fmt.Errorf("%w: %s", errNoJob, versionKey(a))
		}
		r.update(a, job)
		return nil
	}
	if !a.WantsRun() {
		w.a.reportUnstarted(a, api.AllocClientComplete, "Stopped before any task was started")
		return nil
	}
	switch {
	case job == nil && full:
		w.a.reportUnstarted(a, api.AllocClientFailed, fmt.Sprintf("The servers do not know version %d of its job", a.JobVersion))
		return nil
	case job == nil:
		return fmt.Errorf("%w: %s", errNoJob, versionKey(a))
	}
	if w.closed {
		return nil
	}
	r, err := newRunner(w.a, a, job)
	if err != nil {
		w.a.log.Error(err, "allocation can't be run", "allocation", a.ID)
		w.a.reportUnstarted(a, api.AllocClientFailed, err.Error())
		return nil
	}
	w.runners[a.ID] = r
	r.begin()
	return nil
}

// dropOthers stops and forgets what is not part of the full set, and stops what the
// servers say has ended.
func (w *worker) dropOthers(d *session.Desired) {
	known := make(map[string]bool, len(d.Allocations)+len(d.Later))
	for _, a := range d.Allocations {
		known[a.ID] = true
	}
	for _, id := range d.Later {
		known[id] = true
	}
	for _, id := range d.Ended {
		known[id] = true
		if r := w.runners[id]; r != nil && !r.endAsTold() {
			w.a.reporter.forget(id) // the servers know
		}
	}
	for id, r := range w.runners {
		if !known[id] {
			r.remove()
		}
	}
}

// adopt adds a runner that was restored from disk.
func (w *worker) adopt(r *runner) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.runners[r.id] = r
}

// drop forgets a runner whose allocation is gone.
func (w *worker) drop(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.runners, id)
}

func (w *worker) find(id string) *runner {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.runners[id]
}

// close keeps allocations from being begun from now on, and returns those that have
// been.
func (w *worker) close() []*runner {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	return w.all()
}

func (w *worker) all() []*runner {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]*runner, 0, len(w.runners))
	for _, r := range w.runners {
		out = append(out, r)
	}
	return out
}

// reportUnstarted reports on an allocation that has no runner.
func (a *Agent) reportUnstarted(al *api.Allocation, status, why string) {
	now := time.Now()
	a.reporter.report(&api.AllocationStatus{
		ID: al.ID, NodeID: al.NodeID, Namespace: al.Namespace, JobID: al.JobID,
		ClientStatus: status, ClientDescription: why, ModifyTime: now.UnixNano(),
	}, true, now)
}
