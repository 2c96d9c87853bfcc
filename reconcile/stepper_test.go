package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/mem"
)

// handClock stands still until it is set.
type handClock struct{ now time.Time }

func (c *handClock) Now() time.Time                       { return c.now }
func (c *handClock) After(time.Duration) <-chan time.Time { return nil }

// overlap is a store on which something else happens before a transaction.
type overlap struct {
	*mem.Store
	before func()
	fails  error // what the next transaction, though it is applied, fails with
}

func (o *overlap) Apply(ctx context.Context, txn store.Txn) (store.Result, error) {
	if f := o.before; f != nil {
		o.before = nil
		f()
	}
	result, err := o.Store.Apply(ctx, txn)
	if o.fails != nil {
		err, o.fails = errors.Join(err, o.fails), nil
	}
	return result, err
}

// steps is a controller that gives every node a status, and looks again in a minute,
// run by hand.
type steps struct {
	*testing.T
	clock   handClock
	store   overlap
	manager *reconcile.Manager
	stepper *reconcile.Stepper
}

func newSteps(t *testing.T, ids ...string) *steps {
	t.Helper()
	s := &steps{T: t, clock: handClock{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}, store: overlap{Store: mem.New(mem.Options{ServerID: "me"})}}
	t.Cleanup(func() {
		if err := errors.Join(s.stepper.Close(), s.store.Close()); err != nil {
			t.Error(err)
		}
	})
	for _, id := range ids {
		s.put(&api.Node{ID: id})
	}
	var err error
	s.manager, err = reconcile.NewManager(reconcile.Options{Store: &s.store, ServerID: "me", Clock: &s.clock})
	if err != nil {
		t.Fatal(err)
	}
	err = reconcile.NewController("marker").For(api.KindNode).Writes(api.KindNodeStatus).
		WithOptions(reconcile.ControllerOptions{Concurrency: 2}).
		Complete(s.manager, func(c reconcile.Client) reconcile.Reconciler {
			return reconcile.Func(func(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
				_, err := c.Apply(ctx, store.Txn{Writes: []store.Write{store.Put(&api.NodeStatus{NodeID: req.ID, UpdatedAt: c.Now().UnixNano()})}})
				return reconcile.Result{RequeueAfter: time.Minute}, err
			})
		})
	if err != nil {
		t.Fatal(err)
	}
	if s.stepper, err = reconcile.NewStepper(t.Context(), s.manager); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *steps) put(o api.Object) {
	s.Helper()
	if _, err := s.store.Store.Apply(s.Context(), store.Txn{Writes: []store.Write{store.Put(o)}}); err != nil {
		s.Fatal(err)
	}
}

func (s *steps) step() string {
	s.Helper()
	ready := s.stepper.Ready()
	if len(ready) == 0 {
		return ""
	}
	req, err := s.stepper.Step(ready[0])
	if err != nil {
		return req.ID + ": " + err.Error()
	}
	return req.ID
}

func TestStepperMakesOnePassAtATimeWhenItIsTold(t *testing.T) {
	s := newSteps(t, "a", "b")
	if a, b, none := s.step(), s.step(), s.step(); a != "a" || b != "b" || none != "" {
		t.Errorf("passes over %q, %q and %q", a, b, none)
	}
	s.put(&api.Node{ID: "c"})
	if s.step() != "" || !s.stepper.Behind() {
		t.Error("it saw what was written before it was told to look")
	}
	s.put(&api.Namespace{Name: "of no concern"})
	if err := s.stepper.Follow(); err != nil || s.stepper.Behind() {
		t.Fatal(err)
	}
	if c := s.step(); c != "c" {
		t.Errorf("pass over %q", c)
	}
	due, ok := s.stepper.Due()
	if !ok || !due.Equal(s.clock.now.Add(time.Minute)) {
		t.Errorf("due at %v %v", due, ok)
	}
	s.clock.now = due.Add(-1)
	if early := s.step(); early != "" {
		t.Errorf("pass over %q before it is due", early)
	}
	s.clock.now = due
	if s.step() == "" {
		t.Error("no pass when it is due")
	}
}

func TestStepperMakesPassesOverlap(t *testing.T) {
	s := newSteps(t, "a", "b", "c")
	var within, third string
	s.store.before = func() {
		s.store.before = func() { third = s.step() }
		within = s.step()
	}
	if a := s.step(); a != "a" || within != "b" || third != "" {
		t.Errorf("within the pass over %q one over %q, within that one over %q, by two workers", a, within, third)
	}
}

func TestStepperOfADeposedLeaderWritesNothing(t *testing.T) {
	s := newSteps(t, "a", "b")
	s.step()
	s.store.before = func() { s.put(&api.Leadership{ServerID: "other"}) }
	before := s.store.Snapshot().Index() + 1
	if b := s.step(); b != "b: "+reconcile.ErrDeposed.Error() {
		t.Errorf("pass %q", b)
	}
	if err := s.stepper.Follow(); !errors.Is(err, reconcile.ErrDeposed) || !errors.Is(s.stepper.Err(), reconcile.ErrDeposed) {
		t.Errorf("the term ended with %v", err)
	}
	if now := s.store.Snapshot().Index(); now != before {
		t.Errorf("%d transactions after its end", now-before)
	}
}

func TestUnknownOutcomeEndsTheTerm(t *testing.T) {
	s := newSteps(t, "a", "b")
	s.store.fails = fmt.Errorf("apply: %w: %w", store.ErrOutcomeUnknown, context.DeadlineExceeded)
	req, err := s.stepper.Step(s.stepper.Ready()[0])
	if !errors.Is(err, reconcile.ErrDeposed) || !errors.Is(err, store.ErrOutcomeUnknown) || !errors.Is(s.stepper.Err(), reconcile.ErrDeposed) {
		t.Fatalf("the pass over %s ended with %v, and the term with %v; want both to end with %v", req, err, s.stepper.Err(), reconcile.ErrDeposed)
	}
	if _, ok := store.Get[*api.NodeStatus](s.store.Snapshot(), (&api.NodeStatus{NodeID: req.ID}).Key()); !ok {
		t.Fatal("the transaction was not applied")
	}
	if err := s.stepper.Close(); err != nil {
		t.Fatal(err)
	}
	if s.stepper, err = reconcile.NewStepper(t.Context(), s.manager); err != nil {
		t.Fatal(err)
	}
	if got := s.step(); got != "a" {
		t.Errorf("the next term began with %q, want a", got)
	}
}
