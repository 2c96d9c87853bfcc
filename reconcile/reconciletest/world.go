package reconciletest

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/mem"
)

// Register adds the controllers that are tested to a manager.
type Register func(*reconcile.Manager) error

// World is a store in memory and a manager that runs controllers over it, in virtual
// time: New must be called inside a testing/synctest bubble, and everything ends with
// the test. Its methods are for the test's goroutine and fail the test if they can't
// do what they should.
type World struct {
	Store *mem.Store

	t        testing.TB
	register Register
	start    time.Time
	manager  *reconcile.Manager
	stop     func()
	history  history
}

// ServerID is the ID of the only server of a World.
const ServerID = "server-1"

// New makes a world with objects in it, starts the controllers and lets them settle.
func New(t *testing.T, register Register, objects ...api.Object) *World {
	t.Helper()
	w := &World{t: t, Store: mem.New(mem.Options{ServerID: ServerID}), register: register, start: time.Now()}
	if len(objects) > 0 {
		w.Put(objects...)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var recorder sync.WaitGroup
	recorder.Go(func() { w.history.record(ctx, w.Store) })
	t.Cleanup(func() {
		w.stop()
		cancel()
		recorder.Wait()
		if err := w.Store.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	w.startManager()
	w.Settle()
	return w
}

func (w *World) startManager() {
	w.t.Helper()
	m, err := reconcile.NewManager(reconcile.Options{Store: w.Store, ServerID: ServerID})
	if err != nil {
		w.t.Fatalf("make the manager: %v", err)
	}
	if err := w.register(m); err != nil {
		w.t.Fatalf("register the controllers: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := m.Start(ctx); err != nil {
			w.t.Errorf("the manager ended: %v", err)
		}
	})
	w.manager = m
	w.stop = func() {
		cancel()
		wg.Wait()
	}
}

// Restart stops the controllers and starts new ones, as another server that gains
// leadership does.
func (w *World) Restart() {
	w.t.Helper()
	w.stop()
	w.startManager()
	w.Settle()
}

// Lead makes the controllers' server gain or lose leadership.
func (w *World) Lead(yes bool) {
	w.t.Helper()
	leader := store.LeaderInfo{ServerID: "another-server", Term: w.Store.Leader().Term + 1}
	if yes {
		leader.ServerID, leader.IsSelf = ServerID, true
	}
	w.Store.SetLeader(leader)
	w.Settle()
}

// Put writes objects, in one transaction, without conditions, and does not wait for
// what follows.
func (w *World) Put(objects ...api.Object) {
	w.t.Helper()
	var txn store.Txn
	for _, o := range objects {
		txn.Writes = append(txn.Writes, store.Put(o))
	}
	w.Apply(txn)
}

// Delete deletes objects, in one transaction, and does not wait for what follows.
func (w *World) Delete(keys ...api.Key) {
	w.t.Helper()
	var txn store.Txn
	for _, k := range keys {
		txn.Writes = append(txn.Writes, store.Delete(k))
	}
	w.Apply(txn)
}

// Apply applies a transaction and does not wait for what follows.
func (w *World) Apply(txn store.Txn) store.Result {
	w.t.Helper()
	result, err := w.Store.Apply(context.Background(), txn)
	if err != nil {
		w.t.Fatalf("apply: %v", err)
	}
	return result
}

// Settle waits until the controllers have nothing to do until something changes or
// time passes.
func (w *World) Settle() {
	w.t.Helper()
	synctest.Wait()
}

// Advance lets time pass, and the controllers settle.
func (w *World) Advance(d time.Duration) {
	w.t.Helper()
	time.Sleep(d)
	synctest.Wait()
}

// Now returns the virtual time; Elapsed how much of it has passed since New.
func (w *World) Now() time.Time { return time.Now() }

// Elapsed returns how much time has passed since New.
func (w *World) Elapsed() time.Duration { return time.Since(w.start) }

// Status returns how the controller of that name does.
func (w *World) Status(controller string) reconcile.ControllerStatus {
	w.t.Helper()
	for _, s := range w.manager.Status() {
		if s.Name == controller {
			return s
		}
	}
	w.t.Fatalf("there is no controller %q", controller)
	return reconcile.ControllerStatus{}
}

// Graph returns what the controllers declared.
func (w *World) Graph() []reconcile.ControllerInfo { return w.manager.Graph() }

// Get returns the object at a key as it is now. It fails the test if there is none,
// or one of another type.
func Get[T api.Object](w *World, key api.Key) T {
	w.t.Helper()
	o, ok := Find[T](w, key)
	if !ok {
		w.t.Fatalf("there is no %s", key)
	}
	return o
}

// Find returns the object at a key as it is now, and whether there is one.
func Find[T api.Object](w *World, key api.Key) (T, bool) {
	w.t.Helper()
	var none T
	o, ok := w.Store.Snapshot().Get(key)
	if !ok {
		return none, false
	}
	typed, ok := o.(T)
	if !ok {
		w.t.Fatalf("%s is a %T, not a %T", key, o, none)
	}
	return typed, true
}

// List yields all objects of a type, ordered by key.
func List[T api.Object](w *World) iter.Seq[T] {
	return store.List[T](w.Store.Snapshot(), store.Query{})
}

// Change returns a copy of the object at a key, changed by a function, for Put.
func Change[T api.Object](w *World, key api.Key, change func(T)) T {
	w.t.Helper()
	o, err := api.Clone(Get[T](w, key))
	if err != nil {
		w.t.Fatal(fmt.Errorf("copy %s: %w", key, err))
	}
	change(o)
	return o
}
