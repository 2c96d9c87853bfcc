package periodic_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/periodic"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/reconcile/reconciletest"
	"github.com/droverhq/drover/store"
)

// skewed is a clock that is wrong by so much.
type skewed time.Duration

func (s skewed) Now() time.Time                         { return time.Now().Add(time.Duration(s)) }
func (s skewed) After(d time.Duration) <-chan time.Time { return time.After(d) }

// compete starts a server that believes that it leads, beside the one of the world: each
// claims leadership as soon as it hears that the other has.
func compete(t *testing.T, w *reconciletest.World, id string, clock reconcile.Clock) {
	t.Helper()
	m, err := reconcile.NewManager(reconcile.Options{Store: w.Store, ServerID: id, Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	if err := periodic.Register(m, periodic.Options{}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := m.Start(ctx); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	})
	t.Cleanup(func() { stop(); running.Wait() })
}

func every(seconds int, zone string) *api.Job {
	return &api.Job{
		Namespace: new("default"), ID: new("often"), Type: new(api.JobTypeBatch), Priority: new(50),
		SubmitTime: new(time.Now().UnixNano()),
		Periodic: &api.PeriodicConfig{
			Specs: []string{fmt.Sprintf("*/%d * * * * * *", seconds)}, TimeZone: new(zone), ProhibitOverlap: new(false),
		},
	}
}

// Three servers with clocks of their own take leadership from each other all the time:
// every launch is made, and made once.
func TestLaunchesAreMadeOnceHoweverOftenTheLeaderChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := reconciletest.New(t, register)
		compete(t, w, "server-2", skewed(3*time.Second))
		compete(t, w, "server-3", skewed(-2*time.Second))
		begin := w.Now()
		w.Put(every(10, "Asia/Seoul"))
		w.Advance(10 * time.Minute)

		terms := w.Store.Snapshot().Index()
		launches := map[string]int{}
		for e := range reconciletest.List[*api.Evaluation](w) {
			launches[e.JobID]++
		}
		for due := begin.Truncate(10 * time.Second).Add(10 * time.Second); due.Before(w.Now().Add(-10 * time.Second)); due = due.Add(10 * time.Second) {
			id := api.PeriodicChildID("often", due)
			if launches[id] != 1 {
				t.Errorf("launched %d times for %s", launches[id], due)
			}
			if _, ok := reconciletest.Find[*api.Job](w, api.JobKey("default", id)); !ok {
				t.Errorf("there is no %s", id)
			}
		}
		if terms < 200 {
			t.Errorf("leadership hardly changed: only %d writes", terms)
		}
	})
}

// Leadership is lost and gained in the very moment in which a launch is due.
func TestALeaderThatChangesAtThatSecondNeitherSkipsNorRepeatsALaunch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := reconciletest.New(t, register)
		w.Put(every(10, "America/New_York"))
		w.Settle()
		launches := 0
		for range 50 {
			w.Advance(time.Until(w.Now().Truncate(10*time.Second).Add(10*time.Second)) - time.Nanosecond)
			flips := make(chan struct{})
			go func() {
				defer close(flips)
				for range 20 {
					w.Store.SetLeader(store.LeaderInfo{ServerID: "another", Term: w.Store.Leader().Term + 1})
					w.Store.SetLeader(store.LeaderInfo{ServerID: reconciletest.ServerID, IsSelf: true, Term: w.Store.Leader().Term + 1})
				}
			}()
			w.Advance(time.Nanosecond)
			<-flips
			w.Advance(2 * time.Second)
			launches++
			if n := store.Count[*api.Evaluation](w.Store.Snapshot(), store.Query{}); n != launches {
				t.Fatalf("%d launches, want %d", n, launches)
			}
		}
	})
}

// With prohibit_overlap there is never more than one child that has not ended, whoever
// leads when.
func TestChildrenNeverOverlapHoweverOftenTheLeaderChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := reconciletest.New(t, register)
		compete(t, w, "server-2", skewed(1*time.Second))
		job := every(1, "UTC")
		job.Periodic.ProhibitOverlap = new(true)
		w.Put(job)
		ended := 0
		for second := range 300 {
			w.Advance(time.Second)
			var alive []string
			for child := range store.List[*api.Job](w.Store.Snapshot(), store.Query{Index: store.ByParent, Value: store.JobValue("default", "often")}) {
				status, ok := reconciletest.Find[*api.JobStatus](w, api.JobStatusKey("default", *child.ID))
				if !ok || status.Status != api.JobStatusDead {
					alive = append(alive, *child.ID)
				}
			}
			if len(alive) > 1 {
				t.Fatalf("after %d s there run %v", second, alive)
			}
			if second%7 == 6 && len(alive) == 1 {
				w.Put(&api.JobStatus{Namespace: "default", JobID: alive[0], Status: api.JobStatusDead})
				ended++
			}
		}
		if ended < 40 {
			t.Errorf("only %d children came and went", ended)
		}
	})
}

// A clock that is put back far makes launches due again whose children are there: they
// are not made again.
func TestAClockThatWasFarAheadLaunchesNothingAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := reconciletest.New(t, register)
		w.Put(every(30, "UTC"))
		w.Advance(2 * time.Hour)
		w.Lead(false)
		made := store.Count[*api.Evaluation](w.Store.Snapshot(), store.Query{})
		compete(t, w, "server-2", skewed(-100*time.Minute))
		w.Lead(true)
		w.Advance(20 * time.Minute)
		launches := map[string]int{}
		for e := range reconciletest.List[*api.Evaluation](w) {
			if launches[e.JobID]++; launches[e.JobID] > 1 {
				t.Errorf("%s was launched again", e.JobID)
			}
		}
		if len(launches) <= made {
			t.Errorf("nothing was launched any more")
		}
	})
}
