package job_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/scenario"
	"github.com/droverhq/drover/reconcile/reconciletest"
)

// does runs the commands of a script, each to its end.
func does(t *testing.T, c *scenario.Cluster, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if _, err := c.Do(line); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		c.Settle()
	}
}

func TestAJobThatIsMadeLessImportantGoesForThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := scenario.New(t, register)
		does(t, c, "configure preempt=batch", "node n1 cpu=1000", "run first type=batch cpu=900 priority=50",
			"run waits type=batch cpu=900 priority=55", "run first type=batch cpu=900 priority=45")
		first, waits := c.Latest("first.web[0]"), c.Latest("waits.web[0]")
		if first.DesiredStatus != api.AllocDesiredEvict || waits == nil || first.PreemptedByAllocation != waits.ID {
			t.Errorf("first is to %s, for %q", first.DesiredStatus, first.PreemptedByAllocation)
		}
	})
}

// TestWhoCountsOnTheSameEndIsWrittenTogether preempts more than a transaction holds.
func TestWhoCountsOnTheSameEndIsWrittenTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := scenario.New(t, register)
		does(t, c, "configure preempt=batch")
		for n := range 30 {
			does(t, c, fmt.Sprintf("node n%d cpu=1000", n))
		}
		does(t, c, "run low type=batch count=60 cpu=500 priority=10")
		feed := c.Store.Watch(c.Store.Snapshot().Index())
		defer feed.Close()
		does(t, c, "run high type=batch count=1200 cpu=25 priority=50")

		placed, evicted := make(map[string]uint64), make(map[string]uint64)
		var high []*api.Allocation
		for seen := uint64(0); seen < c.Store.Snapshot().Index(); {
			changes, upTo, err := feed.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			seen = upTo
			for _, change := range changes {
				a, ok := change.New.(*api.Allocation)
				switch {
				case ok && change.Old == nil && a.JobID == "high":
					placed[a.ID], high = change.Index, append(high, a)
				case ok && a.DesiredStatus == api.AllocDesiredEvict && evicted[a.ID] == 0:
					evicted[a.ID] = change.Index
				}
			}
		}
		transactions := make(map[uint64]bool)
		for _, a := range high {
			transactions[placed[a.ID]] = true
			for _, id := range a.PreemptedAllocations {
				if evicted[id] != placed[a.ID] {
					t.Errorf("%s was placed at %d, %s evicted at %d", a.Name, placed[a.ID], id, evicted[id])
				}
			}
		}
		if len(high) != 1200 || len(evicted) != 60 || len(transactions) < 2 {
			t.Errorf("%d placed instead of %d in %d transactions", len(high), len(evicted), len(transactions))
		}
		for a := range reconciletest.List[*api.Allocation](c.World) {
			if by := a.PreemptedByAllocation; by != "" && placed[by] == 0 {
				t.Errorf("%s is evicted for %q, which is not there", a.Name, by)
			}
		}
	})
}

func TestWhoTookRoomUnseenIsPreemptedAllTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := scenario.New(t, register)
		does(t, c, "run everywhere type=system cpu=600 priority=90", "run low count=20 cpu=600 priority=20")
		for n := range 20 {
			does(t, c, fmt.Sprintf("node n%d cpu=1000", n)) // both are woken, and the one may be faster or the other
		}
		running := make(map[string]int)
		for a := range reconciletest.List[*api.Allocation](c.World) {
			if a.WantsRun() {
				running[a.JobID]++
			}
		}
		if running["everywhere"] != 20 || running["low"] != 0 {
			t.Errorf("wanted to run: %v", running)
		}
	})
}
