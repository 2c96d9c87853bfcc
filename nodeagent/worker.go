package nodeagent

import (
	"errors"
	"fmt"
	"slices"
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
	buried  map[string]bool      // ended, and nothing else is known of it
	jobs    map[api.Key]*usedJob // the versions that runners run
	closed  bool                 // no more allocations are begun
}

// usedJob is a job version and how many runners run it.
type usedJob struct {
	job   *api.Job
	users int
}

func newWorker(a *Agent) *worker {
	return &worker{a: a, runners: map[string]*runner{}, buried: map[string]bool{}, jobs: map[api.Key]*usedJob{}}
}

// errNoJob says that a server left out a job version that this agent has forgotten:
// a new session brings it.
var errNoJob = errors.New("the server did not send the job version of an allocation")

// apply brings the allocations to what a server wants. It returns at once; runners do
// the work.
func (w *worker) apply(d *session.Desired) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, j := range d.Jobs {
		key := api.JobVersionKey(api.Deref(j.Namespace), api.Deref(j.ID), api.Deref(j.Version))
		if w.jobs[key] == nil {
			w.jobs[key] = &usedJob{job: j}
		}
	}
	// Stops first: what begins may need the room of what ends.
	for _, run := range []bool{false, true} {
		for _, a := range d.Allocations {
			if a.WantsRun() != run {
				continue
			}
			if err := w.want(a, d.Full); err != nil {
				return err
			}
		}
	}
	for _, j := range d.Jobs {
		w.use(api.JobVersionKey(api.Deref(j.Namespace), api.Deref(j.ID), api.Deref(j.Version)), 0)
	}
	for _, id := range d.Removed {
		w.remove(id)
	}
	if d.Full {
		w.dropOthers(d)
		for id, r := range w.runners {
			r.tellUnless(d.Reported[id])
		}
	}
	return nil
}

// use counts the users of a job version, and forgets it when there are none. Should
// it be needed again, a new session brings it.
func (w *worker) use(key api.Key, n int) {
	u := w.jobs[key]
	if u == nil {
		return
	}
	if u.users += n; u.users <= 0 {
		delete(w.jobs, key)
	}
}

func versionKey(a *api.Allocation) api.Key {
	return api.JobVersionKey(a.Namespace, a.JobID, a.JobVersion)
}

// want brings one allocation to what is wanted of it.
func (w *worker) want(a *api.Allocation, full bool) error {
	var job *api.Job
	if u := w.jobs[versionKey(a)]; u != nil {
		job = u.job
	}
	if r := w.runners[a.ID]; r != nil {
		if job == nil && a.WantsRun() && !full {
			return fmt.Errorf("%w: %s", errNoJob, versionKey(a))
		}
		before := r.version()
		r.update(a, job)
		w.use(r.version(), 1)
		w.use(before, -1)
		return nil
	}
	if w.buried[a.ID] {
		if full {
			w.a.reportUnstarted(a, api.AllocClientLost, "It has ended, and how is not known any more")
		}
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
	before := w.before(a)
	w.runners[a.ID] = r
	w.use(r.version(), 1)
	r.begin(before)
	return nil
}

// before returns the allocations that must have ended before a new one begins: the
// one that it takes the place of, those that were preempted for it, and those that have a
// port of its. Placement counts on their room; they may not even have been told to stop yet.
func (w *worker) before(a *api.Allocation) []*runner {
	var before []*runner
	first := append([]string{a.PreviousAllocation}, a.PreemptedAllocations...)
	for _, id := range first {
		if r := w.runners[id]; r != nil {
			before = append(before, r)
		}
	}
	if len(a.Ports) == 0 {
		return before
	}
	for _, r := range w.runners {
		if other, _ := r.object(); !slices.Contains(first, r.id) && sharePort(other.Ports, a.Ports) {
			before = append(before, r)
		}
	}
	return before
}

func sharePort(a, b []api.AllocatedPort) bool {
	for _, p := range a {
		for _, q := range b {
			if p.Value == q.Value && p.HostIP == q.HostIP && !(p.IgnoreCollision && q.IgnoreCollision) {
				return true
			}
		}
	}
	return false
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
	for id := range w.runners {
		if !known[id] {
			w.remove(id)
		}
	}
	for id := range w.buried {
		if !known[id] {
			w.remove(id)
		}
	}
}

// remove ends and forgets an allocation.
func (w *worker) remove(id string) {
	if r := w.runners[id]; r != nil {
		r.remove()
	}
	if !w.buried[id] {
		return
	}
	delete(w.buried, id)
	w.a.crew.Go(func() {
		if err := w.a.db.Delete(w.a.ctx, id); err != nil && w.a.ctx.Err() == nil {
			w.a.log.Error(err, "an ended allocation is remembered for longer")
		}
	})
}

// adopt adds a runner that was restored from disk.
func (w *worker) adopt(r *runner) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.runners[r.id] = r
	_, job := r.object()
	if w.jobs[r.version()] == nil {
		w.jobs[r.version()] = &usedJob{job: job}
	}
	w.use(r.version(), 1)
}

// bury notes that an allocation has ended of which nothing else is known.
func (w *worker) bury(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buried[id] = true
}

// drop forgets a runner of which nothing is left; bury: but not that it was there.
func (w *worker) drop(r *runner, bury bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.runners[r.id] != r {
		return
	}
	delete(w.runners, r.id)
	w.use(r.version(), -1)
	w.a.reporter.forget(r.id)
	if bury {
		w.buried[r.id] = true
	}
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
