package allocation

import (
	"fmt"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

func lost(id string) store.Change {
	status := &api.NodeStatus{NodeID: id, Status: api.NodeDown, UpdatedAt: time.Now().Add(time.Hour).UnixNano()} // by another clock
	return store.Change{Key: status.Key(), New: status}
}

func TestFewLostNodesWaitForNobodyAndManyForAMoment(t *testing.T) {
	w, now := &waiting{nodes: map[string]time.Time{}}, time.Now()
	w.add(nil, lost("n0"))
	if rest := w.gathers("n0", now); rest != 0 {
		t.Errorf("one waits for %v", rest)
	}
	for n := 1; n < many; n++ {
		w.add(nil, lost(fmt.Sprintf("n%d", n)))
	}
	if rest := w.gathers("n0", now); rest != gathering {
		t.Errorf("of many one waits for %v, want %v", rest, gathering)
	}
	if rest := w.gathers("n0", now.Add(gathering)); rest > 0 {
		t.Errorf("after that it waits for %v", rest)
	}
	if nodes := w.takeAlong("n0"); len(nodes) != many || nodes[0] != "n0" {
		t.Errorf("took along %q", nodes)
	}
	if rest := w.gathers("n1", now); rest != 0 {
		t.Errorf("one that was taken along waits for %v", rest)
	}
}

func TestMarksOfAJobStayTogether(t *testing.T) {
	var all []*api.Allocation
	for job, count := range []int{200, 100, 2*maxMarks + 1} {
		for range count {
			all = append(all, &api.Allocation{Namespace: "default", JobID: fmt.Sprintf("j%d", job)})
		}
	}
	var sizes []int
	for together := range inJobs(all) {
		sizes = append(sizes, len(together))
	}
	if want := []int{300, maxMarks, maxMarks, 1}; fmt.Sprint(sizes) != fmt.Sprint(want) {
		t.Errorf("marked together: %v, want %v", sizes, want)
	}
}
