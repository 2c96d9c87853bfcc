package checks

import (
	"context"
	"sync"
	"time"
)

// Options tune a Runner.
type Options struct {
	// Parallel is how many checks are made at a time. Each takes a goroutine, a
	// connection and some ten KiB. Default 64.
	Parallel int
	// Probe makes a check once. Default: over the network.
	Probe func(ctx context.Context, s *Spec) Outcome
}

const defaultParallel = 64

// News says that something came of a check.
type News struct {
	Turned  bool // its status has
	Restart bool // it failed too often: what it checks is to be restarted
	Result  Result
}

// Runner makes checks. All methods may be called concurrently.
type Runner struct {
	probe func(ctx context.Context, s *Spec) Outcome
	wake  chan struct{} // holds one token when the agenda may begin sooner
	free  chan struct{} // one token for each check that is being made

	mu     sync.Mutex // guards the rest, and all that is watched
	owners map[string][]*watched
	agenda agenda
}

// watched is a check that an owner has.
type watched struct {
	*Check
	entry entry
	tell  func(News)
	gone  bool // the owner has it no more
}

// NewRunner returns a runner without checks.
func NewRunner(o Options) *Runner {
	if o.Parallel <= 0 {
		o.Parallel = defaultParallel
	}
	if o.Probe == nil {
		o.Probe = newProber().probe
	}
	return &Runner{
		probe: o.Probe, owners: map[string][]*watched{},
		wake: make(chan struct{}, 1), free: make(chan struct{}, o.Parallel),
	}
}

// Set says which checks an owner has from now on; those that it had before go on. tell
// is called for news of a check, without any lock held, and must not block for long.
func (r *Runner) Set(owner string, specs []Spec, tell func(News)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	before := make(map[string]*watched, len(r.owners[owner]))
	for _, w := range r.owners[owner] {
		before[w.spec.ID] = w
	}
	var after []*watched
	for _, s := range specs {
		w := before[s.ID]
		delete(before, s.ID)
		switch {
		case w == nil:
			w = &watched{Check: NewCheck(s, now), tell: tell}
			w.entry = entry{check: w, place: -1}
			r.agenda.put(&w.entry, w.next)
		case w.spec.Start != s.Start:
			w.Restarted(s.Start, now)
		}
		w.spec.Limit, w.spec.Grace = s.Limit, s.Grace // they make no other check of it
		after = append(after, w)
	}
	for _, w := range before {
		w.gone = true
		r.agenda.remove(&w.entry)
	}
	if len(after) == 0 {
		delete(r.owners, owner)
	} else {
		r.owners[owner] = after
	}
	r.hurry()
}

// Results returns how the checks of an owner do, in the order in which they were set.
func (r *Runner) Results(owner string) []Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Result
	for _, w := range r.owners[owner] {
		out = append(out, w.result)
	}
	return out
}

func (r *Runner) hurry() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run makes checks until the context ends, and returns when all that were begun have
// ended.
func (r *Runner) Run(ctx context.Context) {
	var making sync.WaitGroup
	defer making.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case r.free <- struct{}{}: // before a check is taken: its turn may pass meanwhile
		case <-ctx.Done():
			return
		}
		r.mu.Lock()
		w, wait := r.agenda.due(time.Now())
		r.mu.Unlock()
		if w != nil {
			making.Go(func() {
				defer func() { <-r.free }()
				r.make(ctx, w)
			})
			continue
		}
		<-r.free
		var later <-chan time.Time
		if wait > 0 {
			timer.Reset(wait)
			later = timer.C
		}
		select {
		case <-later:
		case <-r.wake:
		case <-ctx.Done():
			return
		}
	}
}

// make makes a check once and says what came of it.
func (r *Runner) make(ctx context.Context, w *watched) {
	r.mu.Lock()
	spec, begun := w.spec, time.Now()
	r.mu.Unlock()
	limited, cancel := context.WithTimeout(ctx, spec.Timeout)
	o := r.probe(limited, &spec)
	cancel()

	r.mu.Lock()
	if w.gone || ctx.Err() != nil || w.spec.Start != spec.Start {
		if !w.gone { // it was of an earlier start
			r.agenda.put(&w.entry, time.Now())
			r.hurry()
		}
		r.mu.Unlock()
		return
	}
	n := News{}
	n.Turned, n.Restart = w.Take(o, begun, time.Now())
	n.Result = w.result
	r.agenda.put(&w.entry, w.next)
	r.mu.Unlock()
	r.hurry()
	if n.Turned || n.Restart {
		w.tell(n)
	}
}
