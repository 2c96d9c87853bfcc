package nodeagent

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/alloc"
	"github.com/droverhq/drover/nodeagent/allocdir"
	"github.com/droverhq/drover/nodeagent/checks"
	"github.com/droverhq/drover/nodeagent/state"
)

// runner carries out the life of one allocation. It has a goroutine only while there
// is something to do.
type runner struct {
	a   *Agent
	id  string
	log logr.Logger
	dir allocdir.Dir

	mu       sync.Mutex // guards the rest
	desired  *api.Allocation
	job      *api.Job
	unsaved  bool // desired and job are newer than what is on disk
	life     *alloc.Life
	events   []alloc.Event
	first    []alloc.Action // to carry out before any event: those of a restored life
	draining bool           // a goroutine takes the events
	tasks    map[string]*taskQueue
	told     *api.AllocationStatus // the last report
	// toldNetwork is what the life had to say of the network then.
	toldNetwork *api.AllocNetworkStatus
	stale       bool          // there may be news to report, though nothing happened to a task
	offer       *offer        // see offered
	watched     []checks.Spec // the checks that are made
	checked     map[string]*api.CheckState
	removed     bool                     // forget it when it has ended
	held        chan struct{}            // not nil: nothing happens until others have ended; closed to end that
	ended       chan struct{}            // closed when every task has ended, and that is stored
	settled     chan struct{}            // closed when drivers have nothing left of it
	ends        map[string]chan struct{} // closed when a task has ended, for those that somebody asked about
	measured    map[string]measurement
}

// newRunner returns the runner of an allocation that is new to this node.
func newRunner(a *Agent, al *api.Allocation, job *api.Job) (*runner, error) {
	spec, err := a.specOf(job, al)
	if err != nil {
		return nil, err
	}
	r := emptyRunner(a, al, job)
	r.unsaved = true
	r.life = alloc.New(spec, rand.Float64)
	return r, nil
}

// restoreRunner returns the runner of an allocation that an earlier agent had.
func restoreRunner(a *Agent, s state.Saved) (*runner, error) {
	spec, err := a.specOf(s.Job, s.Alloc)
	if err != nil {
		return nil, err
	}
	r := emptyRunner(a, s.Alloc, s.Job)
	r.life, r.first, err = alloc.Restore(spec, s.Life, rand.Float64, time.Now())
	return r, err
}

func emptyRunner(a *Agent, al *api.Allocation, job *api.Job) *runner {
	r := &runner{
		a: a, id: al.ID, desired: al, job: job, tasks: map[string]*taskQueue{},
		ended: make(chan struct{}), settled: make(chan struct{}),
		log: a.log.WithValues("allocation", al.ID, "job", al.JobID),
	}
	if a.dirs.root != "" {
		r.dir = allocdir.New(a.dirs.allocs(), al.ID)
	}
	return r
}

// begin starts a new allocation, when those before it have ended.
func (r *runner) begin(before []*runner) {
	if len(before) == 0 {
		r.post(alloc.Begin{})
		return
	}
	r.mu.Lock()
	r.held = make(chan struct{})
	r.mu.Unlock()
	r.a.crew.Go(func() { r.beginAfter(before) })
}

// beginAfter begins when all of the others have ended, or when the allocation is
// stopped before.
func (r *runner) beginAfter(before []*runner) {
	r.mu.Lock()
	stopped := r.held
	r.mu.Unlock()
	for _, other := range before {
		select {
		case <-other.ended:
		case <-stopped:
		case <-r.a.ctx.Done():
			return
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = nil
	r.enqueue(alloc.Begin{}) // behind what came meanwhile: who is stopped before starts nothing
}

// resume goes on with a restored one.
func (r *runner) resume() { r.post() }

// object returns the allocation as the servers want it, and its job.
func (r *runner) object() (*api.Allocation, *api.Job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.desired, r.job
}

// version is the job version that it runs.
func (r *runner) version() api.Key {
	al, _ := r.object()
	return versionKey(al)
}

// update takes a newer state of what is wanted. job may be nil if it is not known.
func (r *runner) update(al *api.Allocation, job *api.Job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if job != nil && al.JobVersion != r.desired.JobVersion {
		spec, err := r.a.specOf(job, al)
		if err != nil {
			r.log.Error(err, "newer version of the job can't be taken over", "version", al.JobVersion)
		} else {
			r.job, r.desired, r.unsaved = job, al, true
			r.enqueue(alloc.Update{Spec: spec})
		}
	}
	if al.JobVersion == r.desired.JobVersion {
		promoted := r.desired.IsCanary() != al.IsCanary()
		if r.desired = al; promoted {
			r.stale = true
			r.enqueue()
		}
	}
	if al.WantsRun() && r.life.Doubted() {
		r.enqueue(alloc.Wanted{})
	}
	if !al.WantsRun() && !r.life.Ended() {
		r.enqueue(alloc.Stop{NoShutdownDelay: api.Deref(al.DesiredTransition.NoShutdownDelay)})
	}
}

// endAsTold ends the allocation if it has not ended, and reports whether that was so.
func (r *runner) endAsTold() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.life.Ended() {
		return false
	}
	r.enqueue(alloc.Stop{})
	return true
}

// tellUnless has the status reported again, unless the servers have the last report:
// the one made at that time. Their state may have been restored from a snapshot.
func (r *runner) tellUnless(at int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.told == nil || r.told.ModifyTime == at || r.removed {
		return
	}
	r.told = nil
	r.enqueue()
}

// remove ends the allocation and forgets it, with its files.
func (r *runner) remove() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.removed = true
	r.enqueue(alloc.Stop{})
}

// settledAt returns when the allocation ended, if nothing of it is left but files.
func (r *runner) settledAt() (time.Time, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.life.EndedAt(), r.life.Settled()
}

// hasEnded reports whether the allocation has ended, and what its tasks shared is cleared.
func (r *runner) hasEnded() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.life.Ended()
}

// post hands events to the life.
func (r *runner) post(events ...alloc.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.enqueue(events...)
}

// enqueue is called with mu held.
func (r *runner) enqueue(events ...alloc.Event) {
	r.events = append(r.events, events...)
	if r.held != nil {
		if slices.ContainsFunc(events, isStop) {
			closeOnce(r.held)
		}
		return
	}
	if !r.draining {
		r.draining = r.a.crew.Go(r.drain)
	}
}

func isStop(e alloc.Event) bool {
	_, ok := e.(alloc.Stop)
	return ok
}

// drain takes events until there are none. After each round it stores what the life
// has become, then carries out what it asks for, then reports: in that order, so that
// the agent may die in between (see package alloc).
func (r *runner) drain() {
	for {
		r.mu.Lock()
		if len(r.events) == 0 && len(r.first) == 0 && (r.told != nil && !r.stale || r.a.ctx.Err() != nil) {
			r.draining = false
			r.mu.Unlock()
			return
		}
		now := time.Now()
		actions := r.first
		r.first = nil
		for _, ev := range r.events {
			actions = append(actions, r.life.Step(ev, now)...)
		}
		r.events = nil
		change, err := r.change()
		status, urgent := r.compose(now)
		gone := r.removed && r.life.Settled()
		r.mu.Unlock()

		r.perform(actions, true)
		if err != nil {
			r.log.Error(err, "allocation is left as it is")
			return
		}
		if !r.save(change) {
			return
		}
		r.tellEnds()
		r.perform(actions, false)
		if status != nil {
			r.a.reporter.report(status, urgent, now)
		}
		if gone && r.forget() {
			return
		}
	}
}

// tellEnds tells who waits for a task, or for all of it.
func (r *runner) tellEnds() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for task, end := range r.ends {
		if phase, _, _, _ := r.life.Task(task); phase == alloc.PhaseDead {
			closeOnce(end)
		}
	}
	if r.life.Ended() {
		closeOnce(r.ended)
	}
	if r.life.Settled() && !isClosed(r.settled) {
		if r.dir.Root != "" {
			if err := r.dir.UnmountSecrets(); err != nil {
				r.log.Error(err, "secrets of an ended allocation are still in memory")
			}
		}
		close(r.settled)
	}
}

// closeOnce closes a channel that only one goroutine closes at a time.
func closeOnce(c chan struct{}) {
	if !isClosed(c) {
		close(c)
	}
}

// isClosed reports whether a channel that nothing is sent on is closed.
func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// change returns what is to be stored. It is called with mu held.
func (r *runner) change() (state.Change, error) {
	c := state.Change{ID: r.id}
	if !r.a.db.Persistent() {
		return c, nil
	}
	if r.unsaved {
		c.Alloc, c.Job = r.desired, r.job
		r.unsaved = false
	}
	var err error
	c.Life, err = r.life.Record()
	return c, err
}

// saveRetry is how long the agent waits before it tries again to store something.
const saveRetry = time.Second

// save stores the change. What can't be stored (a full disk) must not be begun.
func (r *runner) save(c state.Change) bool {
	return r.untilStored(func(ctx context.Context) error { return r.a.db.Save(ctx, c) })
}

// untilStored tries to store something until it can. It returns false if the agent
// ends first.
func (r *runner) untilStored(store func(context.Context) error) bool {
	for {
		err := store(r.a.ctx)
		if err == nil {
			return true
		}
		if r.a.ctx.Err() != nil {
			return false
		}
		r.log.Error(err, "waiting until the state can be stored")
		if !r.a.pause(saveRetry) {
			return false
		}
	}
}

// compose returns the status to report, if there is news, and whether anybody may
// decide on it. It is called with mu held.
func (r *runner) compose(now time.Time) (s *api.AllocationStatus, urgent bool) {
	s = r.life.Status()
	r.serve(s)
	r.stale = false
	network := s.NetworkStatus
	if r.told != nil && sameStatus(s, r.told) && network == r.toldNetwork {
		return nil, false
	}
	s.NodeID, s.Namespace, s.JobID, s.ModifyTime = r.desired.NodeID, r.desired.Namespace, r.desired.JobID, now.UnixNano()
	if g := r.job.Group(r.desired.TaskGroup); s.NetworkStatus == nil && g != nil && len(g.Networks) > 0 {
		s.NetworkStatus = &api.AllocNetworkStatus{}
	}
	urgent = isUrgent(s, r.told)
	r.told, r.toldNetwork = s, network
	return s, urgent
}

// sameStatus compares two statuses of one life. Their events, services and checks are
// the same objects.
func sameStatus(a, b *api.AllocationStatus) bool {
	if a.ClientStatus != b.ClientStatus || len(a.TaskStates) != len(b.TaskStates) || !sameServices(a, b) {
		return false
	}
	for name, x := range a.TaskStates {
		y := b.TaskStates[name]
		if y == nil || x.State != y.State || x.Failed != y.Failed || x.Restarts != y.Restarts || !slices.Equal(x.Events, y.Events) {
			return false
		}
	}
	return true
}

func sameServices(a, b *api.AllocationStatus) bool {
	return slices.Equal(a.Services, b.Services) && slices.Equal(a.Checks, b.Checks)
}

// isUrgent reports whether controllers or people wait for the news: a task runs or
// has ended, a service is to be found or not, a check has turned. That a task waits to
// be started again is not.
func isUrgent(s, before *api.AllocationStatus) bool {
	if before != nil && !sameServices(s, before) {
		return true
	}
	for name, x := range s.TaskStates {
		if x.State == api.TaskStatePending {
			continue
		}
		if before == nil || before.TaskStates[name] == nil || before.TaskStates[name].State != x.State {
			return true
		}
	}
	return false
}

// forget removes everything of an ended allocation, with its files. It returns false
// if the agent ends first: the next one does it.
func (r *runner) forget() bool {
	if !r.discard(r.a.db.Delete) {
		return false
	}
	r.a.worker.drop(r, false)
	r.log.V(1).Info("allocation forgotten")
	return true
}

// bury removes everything of an ended allocation, with its files, but the knowledge
// that it has ended.
func (r *runner) bury() bool {
	if !r.discard(r.a.db.Bury) {
		return false
	}
	r.a.worker.drop(r, true)
	return true
}

func (r *runner) discard(remove func(ctx context.Context, id string) error) bool {
	r.mu.Lock()
	for _, q := range r.tasks {
		q.stopTimer()
	}
	r.mu.Unlock()
	if r.dir.Root != "" {
		r.a.removals <- struct{}{}
		err := errors.Join(r.dir.Remove(), os.RemoveAll(r.a.dirs.allocRun(r.id)))
		<-r.a.removals
		if err != nil {
			r.log.Error(err, "files of an ended allocation are left behind")
		}
	}
	return r.untilStored(func(ctx context.Context) error { return remove(ctx, r.id) })
}
