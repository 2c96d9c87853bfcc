package scheduler_test

import (
	"fmt"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/scheduler"
)

// TestWhatIsGoneIsForgotten lets jobs, nodes, classes, sizes and ports come and go.
func TestWhatIsGoneIsForgotten(t *testing.T) {
	const rounds, limit = 20000, 256 << 10 // bytes; anything that is kept of a round costs more
	f := simulatedFleet(3)
	churn := func(from int) {
		for i := from; i < from+rounds; i++ {
			guest := simulatedNode(1000 + i)
			guest.Meta = map[string]string{"round": fmt.Sprint(i)}
			f.SetNode(scheduler.NodeState{Node: guest, Ready: true, Eligible: true})
			changing := simulatedNode(1)
			changing.Attributes["round"] = fmt.Sprint(i)
			f.SetNode(scheduler.NodeState{Node: changing, Ready: true, Eligible: true})
			a := &api.Allocation{
				ID: fmt.Sprint("a", i), NodeID: guest.ID, JobID: fmt.Sprint("job", i), TaskGroup: "g",
				DesiredStatus: api.AllocDesiredRun, Usage: api.Usage{CPU: int64(i)},
				Ports: []api.AllocatedPort{{Value: 1 + i%60000, HostIP: "10.0.0.1"}, {Value: 1 + i%50000, HostIP: "10.0.0.2"}},
			}
			f.SetAllocation(a)
			f.RemoveNode(guest.ID)
			f.RemoveAllocation(a.ID)
		}
	}
	churn(0)
	before := heapBytes()
	churn(rounds)
	if grown := heapBytes() - before; grown > limit {
		t.Errorf("%d bytes more after %d rounds", grown, rounds)
	}
	if f.Nodes() != 3 || f.Allocations() != 0 {
		t.Errorf("%d nodes and %d allocations are left", f.Nodes(), f.Allocations())
	}
}
