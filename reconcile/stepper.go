package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/droverhq/drover/store"
)

// Stepper runs the controllers of a manager by hand, through one term of leadership:
// each pass on the caller's goroutine, when the caller says so. With a Clock of the
// caller's what happens is the same every time, so that a simulation can replay it.
//
//	s, err := reconcile.NewStepper(ctx, manager)
//	for s.Behind() || len(s.Ready()) > 0 {
//		err = s.Follow()          // wakes the controllers for what was written
//		…
//		s.Step(s.Ready()[0])      // makes one pass of one of them
//	}
//
// A pass may be begun within the Apply of another one (by the Store that the manager
// was given): that is how passes overlap. A stepper is for one goroutine.
type Stepper struct {
	term   *term
	ctx    context.Context
	cancel context.CancelCauseFunc
	feed   store.Feed
	seen   uint64 // the index up to which the feed was followed
	busy   []int  // by controller: passes that have begun and not ended
}

// NewStepper takes up leadership, as Manager.Start does when raft says that this
// server leads, and has every key listed. The manager must not be started besides.
func NewStepper(ctx context.Context, m *Manager) (*Stepper, error) {
	index, err := m.claim(ctx)
	if err != nil {
		return nil, fmt.Errorf("take up leadership: %w", err)
	}
	s := &Stepper{term: &term{index: index, store: m.options.Store, clock: m.options.Clock, log: m.options.Log}}
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	s.term.prepare(m.controllers, s.cancel)
	for _, r := range s.term.runs {
		r.running.Store(r)
	}
	s.busy = make([]int, len(s.term.runs))
	s.resync()
	return s, nil
}

// resync lists every key, and follows the feed from there.
func (s *Stepper) resync() {
	snap := s.term.store.Snapshot()
	if s.feed != nil {
		s.feed.Close()
	}
	s.feed, s.seen = s.term.store.Watch(snap.Index(), s.term.kinds...), snap.Index()
	for _, r := range s.term.runs {
		r.resync(snap)
	}
}

// Behind reports whether something was written that was not followed.
func (s *Stepper) Behind() bool { return s.seen < s.term.store.Snapshot().Index() }

// Follow wakes the controllers for what was written since it was last called. Errors:
// ErrDeposed if another server has taken up leadership; then the term is over.
func (s *Stepper) Follow() error {
	for s.Behind() {
		written := s.term.store.Snapshot().Index()
		changes, index, err := s.feed.Next(&glance{Context: s.ctx})
		switch {
		case errors.Is(err, store.ErrResync):
			s.resync()
			continue
		case errors.Is(err, errNothingYet) && index > s.seen:
			s.seen = index // there may be more
			continue
		case errors.Is(err, errNothingYet):
			s.seen = written // of kinds that nobody watches
			continue
		case err == nil:
			err = s.term.dispatch(changes, s.term.store.Snapshot())
		}
		if err != nil {
			s.cancel(err)
			return fmt.Errorf("follow changes: %w", s.Err())
		}
		s.seen = index
	}
	return nil
}

// glance is a context that ends as soon as somebody waits for it: with it, what waits for
// changes returns those that are there.
type glance struct {
	context.Context
	asked bool
}

var errNothingYet = errors.New("there is nothing yet")

// Err implements context.Context.
func (g *glance) Err() error {
	switch {
	case g.Context.Err() != nil:
		return g.Context.Err()
	case g.asked:
		return errNothingYet
	}
	g.asked = true
	return nil
}

// Done implements context.Context.
func (g *glance) Done() <-chan struct{} {
	now := make(chan struct{})
	close(now)
	return now
}

// Ready returns the controllers for which a key waits to be looked at and that have a
// worker for it, by their place in the order of registration.
func (s *Stepper) Ready() []int {
	var out []int
	for n, r := range s.term.runs {
		r.listNow()
		r.queue.promote()
		if r.queue.depth() > 0 && s.busy[n] < max(1, r.options.Concurrency) {
			out = append(out, n)
		}
	}
	return out
}

// Step makes the next pass of a controller that is ready, and returns of what and how
// it ended.
func (s *Stepper) Step(controller int) (Request, error) {
	r := s.term.runs[controller]
	req, waited, ok := r.queue.get()
	if !ok {
		return Request{}, ErrDeposed
	}
	s.busy[controller]++
	defer func() { s.busy[controller]-- }()
	return req, r.pass(s.ctx, req, waited)
}

// Due returns when the next key is due that waits for its time.
func (s *Stepper) Due() (at time.Time, ok bool) {
	now := s.term.clock.Now()
	for _, r := range s.term.runs {
		if left, waits := r.queue.promote(); waits && (!ok || now.Add(left).Before(at)) {
			at, ok = now.Add(left), true
		}
	}
	return at, ok
}

// Term returns the term that the controllers run in, as Manager.Term does.
func (s *Stepper) Term() uint64 { return s.term.index }

// Err returns why the term has ended, or nil while it goes on.
func (s *Stepper) Err() error { return context.Cause(s.ctx) }

// Close ends the term, as the loss of leadership does. It must not be called within a
// pass.
func (s *Stepper) Close() error {
	s.cancel(ErrDeposed)
	s.feed.Close()
	var errs []error
	for _, r := range s.term.runs {
		r.queue.close()
		r.running.CompareAndSwap(r, nil)
		if closer, ok := r.reconciler.(io.Closer); ok {
			errs = append(errs, closer.Close())
		}
	}
	return errors.Join(errs...)
}
