package room_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/job/plan"
	"github.com/droverhq/drover/controllers/job/room"
	"github.com/droverhq/drover/controllers/scenario"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/mem"
)

// world is a node with room for 1,000 MHz, and jobs of one instance each.
type world struct {
	*testing.T
	store *mem.Store
	fleet *room.Fleet
	ids   int
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, store: mem.New(mem.Options{ServerID: "server-1"})}
	t.Cleanup(func() {
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
	w.put(scenario.NewNode("n1", "dc1", "", 1000, 1000), &api.NodeStatus{NodeID: "n1", Status: api.NodeReady})
	w.fleet = room.FleetOf(w.store.Snapshot())
	return w
}

func (w *world) put(objects ...api.Object) {
	w.Helper()
	var txn store.Txn
	for _, o := range objects {
		txn.Writes = append(txn.Writes, store.Put(o))
	}
	if _, err := w.store.Apply(w.Context(), txn); err != nil {
		w.Fatal(err)
	}
}

// run registers a job whose instance takes so many MHz.
func (w *world) run(id string, priority, cpu int) {
	w.Helper()
	spec := scenario.NewSpec(id)
	spec.Type, spec.Priority, spec.CPU = api.JobTypeBatch, priority, cpu
	w.put(spec.Job())
}

func key(id string) reconcile.Request {
	return reconcile.Request{Namespace: api.DefaultNamespace, ID: id}
}

// place makes a pass over a job as far as room goes.
func (w *world) place(id string) *room.Reservation {
	newID := func() string {
		w.ids++
		return fmt.Sprintf("alloc-%03d", w.ids)
	}
	v := plan.Read(w.store.Snapshot(), key(id), time.Unix(1_800_000_000, 0))
	return w.fleet.Place(v, plan.Decide(v, w.fleet, newID), w.store.Snapshot, newID)
}

// waits has a job look for room in vain.
func (w *world) waits(id string) {
	w.Helper()
	r := w.place(id)
	if r.Placed.Queued["web"] != 1 || r.Placed.Failed["web"] == nil {
		w.Errorf("%s found room", id)
	}
	w.fleet.Settle(r, false)
}

func (w *world) woken(when string, got []reconcile.Request, want ...string) {
	w.Helper()
	var ids []string
	for _, req := range got {
		ids = append(ids, req.ID)
	}
	if !slices.Equal(ids, want) {
		w.Errorf("%s %q are woken, want %q", when, ids, want)
	}
}

func TestRoomIsOfferedByPriorityThenAgeToWhomItIsRightFor(t *testing.T) {
	w := newWorld(t)
	first := &api.Allocation{
		ID: "first", Namespace: api.DefaultNamespace, JobID: "first", TaskGroup: "web", NodeID: "n1", DesiredStatus: api.AllocDesiredRun,
		Usage: api.Usage{CPU: 1000, MemoryMB: 100},
	}
	w.put(first)
	w.fleet.Load(w.store.Snapshot())
	for _, job := range []struct {
		id            string
		priority, cpu int
	}{{"low", 20, 600}, {"old", 50, 600}, {"young", 50, 600}, {"big", 90, 2000}} {
		w.run(job.id, job.priority, job.cpu)
		w.waits(job.id)
	}
	ended := &api.AllocationStatus{ID: "first", NodeID: "n1", Namespace: api.DefaultNamespace, JobID: "first", ClientStatus: api.AllocClientComplete}
	w.put(ended)
	w.woken("when an allocation has ended,", w.fleet.AllocationEnded(w.store.Snapshot(), ended), "old")
	w.woken("when old has left the room,", w.fleet.Looked(w.store.Snapshot(), key("old")), "young")

	r := w.place("young")
	if len(r.Placed.Queued) != 1 || r.Placed.Queued["web"] != 0 || !r.Heard {
		t.Errorf("young: %v queued, heard %v", r.Placed.Queued, r.Heard)
	}
	w.woken("when young has taken it,", w.fleet.Looked(w.store.Snapshot(), key("young")))
}

func TestWhatIsNotCommittedIsGivenBack(t *testing.T) {
	w := newWorld(t)
	w.run("a", 50, 600)
	w.run("b", 50, 600)
	reserved := w.place("a")
	w.waits("b")
	w.fleet.Settle(reserved, false)
	w.woken("when a has failed to write,", w.fleet.Looked(w.store.Snapshot(), key("a")), "b")
}

func TestWhatIsInFlightStaysReservedUntilTheTermIsOver(t *testing.T) {
	w := newWorld(t)
	w.run("a", 50, 600)
	w.run("b", 50, 600)
	reserved := w.place("a")
	w.fleet.Load(w.store.Snapshot())
	w.waits("b")

	w.fleet.Forsake()
	w.fleet.Load(w.store.Snapshot())
	if r := w.place("b"); r.Placed.Queued["web"] != 0 {
		t.Error("what an earlier term reserved is still taken")
	}
	w.fleet.Settle(reserved, false) // gives back nothing
	w.waits("a")
}

func TestACopyTakesNothingOfTheFleet(t *testing.T) {
	w := newWorld(t)
	w.run("a", 50, 600)
	snap := w.store.Snapshot()
	v := plan.Read(snap, key("a"), time.Unix(1_800_000_000, 0))
	for range 2 {
		nodes, newID := w.fleet.Copy(), func() string { return "alloc" }
		if at := nodes.Try(v, plan.Decide(v, nodes, newID), snap, newID); at.Count(0) != 1 {
			t.Errorf("a finds no room: %v", at.Failed)
		}
	}
}
