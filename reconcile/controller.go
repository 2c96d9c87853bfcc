package reconcile

import (
	"context"
	"errors"
	"io"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// controller is a registered controller and what happened to it in all terms.
type controller struct {
	spec
	counts   counts
	latency  observer
	duration observer
	running  atomic.Pointer[run] // of the current term, or nil

	mu        sync.Mutex // guards lastError
	lastError *LastError
}

// counts are how passes ended.
type counts struct {
	success, requeued, conflicts, errors, terminal, panics, retries atomic.Uint64
	waited, worked                                                  atomic.Int64 // nanoseconds, of all passes
}

// LastError is the latest failure of a controller.
type LastError struct {
	Request Request
	Time    time.Time
	Err     error
}

// ControllerStatus is how a controller does on this server, since it was started.
type ControllerStatus struct {
	Name       string
	For        api.Kind
	Leading    bool   // whether it runs now
	Queued     int    // requests that wait for a worker
	Working    int    // requests that workers have
	Delayed    int    // requests that wait for their time: to be tried or looked at again
	Reconciles uint64 // passes that were made
	Retries    uint64 // passes that are made again because one failed or conflicted
	Conflicts  uint64
	Errors     uint64 // without conflicts, with terminal errors and panics
	Panics     uint64
	Waited     time.Duration // requests were ready before a worker took them, on average
	Worked     time.Duration // passes took, on average
	LastError  *LastError    // nil if there was none
}

func (c *controller) status() ControllerStatus {
	n := &c.counts
	s := ControllerStatus{
		Name:      c.name,
		Conflicts: n.conflicts.Load(),
		Panics:    n.panics.Load(),
		Errors:    n.errors.Load() + n.terminal.Load() + n.panics.Load(),
		Retries:   n.retries.Load(),
	}
	s.Reconciles = n.success.Load() + n.requeued.Load() + s.Conflicts + s.Errors
	s.For = c.forKind
	if passes := time.Duration(s.Reconciles); passes > 0 {
		s.Waited, s.Worked = time.Duration(n.waited.Load())/passes, time.Duration(n.worked.Load())/passes
	}
	if r := c.running.Load(); r != nil {
		s.Leading = true
		s.Queued, s.Working, s.Delayed = r.queue.lengths()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s.LastError = c.lastError
	return s
}

func (c *controller) record(req Request, at time.Time, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastError = &LastError{Request: req, Time: at, Err: err}
}

// listAhead is how many listed requests may wait for a worker: enough to keep all
// busy, few enough that listing millions of keys does not hold them all in memory.
const listAhead = 8192

// listedPriority is what listed keys give way to: changes of the last ten seconds.
const listedPriority = -10

// run is a controller in one term of leadership.
type run struct {
	*controller
	term       *term
	queue      *queue
	reconciler Reconciler
	workers    atomic.Int32  // how many there are
	idle       atomic.Int32  // how many of them wait for work
	relist     chan struct{} // holds one, if all keys are to be listed
	synced     bool          // of the dispatcher: the index of a Resyncer is right
	batch      []pending     // of the dispatcher, between two flushes
	guarded    bool          // of the dispatcher: it holds the guard
}

func newRun(c *controller, t *term) *run {
	r := &run{
		controller: c,
		term:       t,
		queue:      newQueue(t.clock, c.options.Retry),
		relist:     make(chan struct{}, 1),
	}
	r.reconciler = c.build(&client{
		controller: c.name,
		outputs:    c.outputs,
		store:      t.store,
		clock:      t.clock,
		term:       t.index,
		deposed:    t.deposed,
		pace:       &t.pace,
	})
	return r
}

// loop runs the controller until the context is cancelled and all workers are done.
func (r *run) loop(ctx context.Context) {
	r.running.Store(r)
	defer r.running.CompareAndSwap(r, nil)
	var wg sync.WaitGroup
	r.hire(ctx, &wg)
	wg.Go(func() { r.list(ctx) })
	r.queue.run(ctx)
	wg.Wait()
	if closer, ok := r.reconciler.(io.Closer); ok {
		if err := closer.Close(); err != nil {
			r.term.log.Error(err, "closing a reconciler failed", "controller", r.name)
		}
	}
}

// hire starts a worker, unless there are as many as there may be. There is always one
// that has nothing to do, so that new work is taken up at once, and there are no more than
// were ever needed at a time: a controller may be allowed a thousand and mostly need one.
func (r *run) hire(ctx context.Context, wg *sync.WaitGroup) {
	for {
		n := r.workers.Load()
		if int(n) >= max(1, r.options.Concurrency) {
			return
		}
		if r.workers.CompareAndSwap(n, n+1) {
			break
		}
	}
	r.idle.Add(1)
	wg.Go(func() { r.work(ctx, wg) })
}

func (r *run) work(ctx context.Context, wg *sync.WaitGroup) {
	for {
		req, waited, ok := r.queue.get()
		if !ok {
			return
		}
		if r.idle.Add(-1) == 0 {
			r.hire(ctx, wg)
		}
		_ = r.pass(ctx, req, waited) // judged and recorded
		r.idle.Add(1)
	}
}

// pass makes a pass over a request that the queue gave, gives it back as judged, and
// returns how it ended.
func (r *run) pass(ctx context.Context, req Request, waited time.Duration) error {
	start := r.term.clock.Now()
	r.latency.Observe(waited.Seconds())
	result, err := r.reconcile(ctx, req)
	now := r.term.clock.Now()
	r.duration.Observe(now.Sub(start).Seconds())
	r.counts.waited.Add(int64(waited))
	r.counts.worked.Add(int64(now.Sub(start)))
	r.queue.note(req, err)
	r.queue.done(req, r.judge(ctx, req, now, result, err), result.RequeueAfter)
	return err
}

// reconcile makes one pass, and turns a panic into an error.
func (r *run) reconcile(ctx context.Context, req Request) (result Result, err error) {
	defer func() {
		if v := recover(); v != nil {
			result, err = Result{}, &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return r.reconciler.Reconcile(ctx, req)
}

// judge counts how a pass ended, and says what becomes of its request.
func (r *run) judge(ctx context.Context, req Request, now time.Time, result Result, err error) verdict {
	if err == nil {
		if result.RequeueAfter > 0 {
			r.counts.requeued.Add(1)
		} else {
			r.counts.success.Add(1)
		}
		return settled
	}
	if ctx.Err() != nil || errors.Is(err, ErrDeposed) {
		return settled // the term is over: the next leader lists every key
	}
	if errors.Is(err, api.ErrConflict) {
		r.counts.conflicts.Add(1)
		r.counts.retries.Add(1)
		return conflicted
	}
	return r.fail(req, now, err)
}

// fail records an error and says what becomes of its request.
func (r *run) fail(req Request, now time.Time, err error) verdict {
	r.record(req, now, err)
	log := r.term.log.WithValues("controller", r.name, "request", req.String())
	var panicked *PanicError
	switch {
	case errors.As(err, &panicked):
		r.counts.panics.Add(1)
		log.Error(err, "reconciling panicked, will retry", "stack", string(panicked.Stack))
	case IsTerminal(err):
		r.counts.terminal.Add(1)
		log.Error(err, "reconciling failed, will not retry until something changes")
		return settled
	default:
		r.counts.errors.Add(1)
		log.Error(err, "reconciling failed, will retry")
	}
	r.counts.retries.Add(1)
	return failed
}

// list adds every key that the controller is for, each time that it is told to.
func (r *run) list(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.relist:
		}
		if !r.listAll() {
			return
		}
	}
}

// listNow adds every key if the controller was told to.
func (r *run) listNow() {
	select {
	case <-r.relist:
		r.listAll()
	default:
	}
}

// listAll adds every key that the controller is for. It is false if the term has ended.
func (r *run) listAll() bool {
	snap := r.term.store.Snapshot()
	for _, src := range r.sources {
		if src.relation != RelationFor && src.relation != RelationLists {
			continue
		}
		if !r.listSource(src, snap) {
			return false
		}
	}
	return true
}

// listSource adds the keys that all objects of a kind give, in portions. It is false
// if the term has ended.
func (r *run) listSource(src source, snap store.Snapshot) bool {
	var page []pending
	for obj := range snap.Scan(store.Query{Kind: src.kind}) {
		change := store.Change{Index: modifyIndex(obj), Key: obj.Key(), New: obj}
		page = r.listed(page, src, snap, change)
		if len(page) >= listAhead/8 {
			if !r.queue.room(listAhead) {
				return false
			}
			r.queue.add(page...)
			page = page[:0]
		}
	}
	r.queue.add(page...)
	return true
}

// listed is route for a listed object. The guard is taken for each that the predicates
// pass, which is few of many: scanning goes on without it.
func (r *run) listed(page []pending, src source, snap store.Snapshot, c store.Change) []pending {
	if r.options.Guard != nil {
		if passed, ok := r.passes(src, c); ok && !passed {
			return page
		}
		r.options.Guard.Lock()
		defer r.options.Guard.Unlock()
	}
	page, _ = r.route(page, src, snap, c, listedPriority)
	return page
}

// passes reports whether the predicates of a source pass a change. ok is false if one of
// them panicked: route will say so.
func (r *run) passes(src source, c store.Change) (passed, ok bool) {
	defer func() { ok = recover() == nil }()
	return src.passes(c), true
}

// resync lets a reconciler that keeps an index make it anew. If that fails, the
// controller rests until the next resync: it must not decide by half an index.
func (r *run) resync(snap store.Snapshot) {
	r.synced = false
	defer func() {
		if v := recover(); v != nil {
			r.panicked(Request{}, v, "making the index panicked, will retry")
		}
	}()
	if resyncer, ok := r.reconciler.(Resyncer); ok {
		resyncer.Resync(snap)
	}
	r.synced = true
	r.enlist()
}

// panicked counts and records a panic outside of a pass.
func (r *run) panicked(req Request, value any, message string) {
	err := &PanicError{Value: value, Stack: debug.Stack()}
	r.counts.panics.Add(1)
	r.record(req, r.term.clock.Now(), err)
	r.term.log.Error(err, message, "controller", r.name, "request", req.String(), "stack", string(err.Stack))
}

// enlist tells the controller to list every key.
func (r *run) enlist() {
	select {
	case r.relist <- struct{}{}:
	default:
	}
}

// route appends the keys that a change concerns, with their priorities and some more,
// to reqs. ok is false if that panicked.
func (r *run) route(reqs []pending, src source, snap store.Snapshot, c store.Change, more int) (out []pending, ok bool) {
	defer func() {
		if v := recover(); v != nil {
			r.panicked(RequestFor(c.Key), v, "mapping a change panicked")
			out, ok = reqs, false
		}
	}()
	if !src.passes(c) {
		return reqs, true
	}
	out = reqs
	for _, req := range src.mapping(snap, c) {
		if n := len(out); n > 0 && out[n-1].req == req {
			continue
		}
		priority := more
		if r.options.Priority != nil {
			priority += r.options.Priority(req)
		}
		out = append(out, pending{req, priority})
	}
	return out, true
}

// offer puts the keys that a change concerns into the batch. If that panics, every key
// is listed: the change may have concerned any of them.
func (r *run) offer(src source, snap store.Snapshot, c store.Change) {
	if !r.synced {
		return
	}
	if r.options.Guard != nil && !r.guarded {
		r.options.Guard.Lock()
		r.guarded = true
	}
	var ok bool
	if r.batch, ok = r.route(r.batch, src, snap, c, 0); !ok {
		r.enlist()
	}
	if len(r.batch) >= maxBatch {
		r.flush()
	}
}

// unguard lets go of the guard that offer took.
func (r *run) unguard() {
	if r.guarded {
		r.guarded = false
		r.options.Guard.Unlock()
	}
}

// maxBatch bounds the memory of a batch, and how long a change waits for the rest.
const maxBatch = 1024

func (r *run) flush() {
	r.queue.add(r.batch...)
	r.batch = r.batch[:0]
}
