package room

import (
	"iter"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/job/plan"
	"github.com/droverhq/drover/scheduler"
)

// Placed is where the instances of a plan go.
type Placed struct {
	// Groups are the placements, by group of the plan and, in it, by want; one whose
	// AllocID is empty found no room.
	Groups [][]scheduler.Placement
	// Queued says, by name of the group, how many instances found no room, and Failed why;
	// Queued has the groups that the job has, Failed those of which some found none.
	Queued map[string]int
	Failed map[string]*api.AllocationMetric
	// Classes says which classes of nodes would do for the groups that found no room.
	Classes map[string]bool
	// Evictions are who has to be told to end, by the ID of the allocation for whose sake.
	Evictions map[string][]Eviction
	names     []string // of the groups
}

// All yields the placements that were made, with the numbers of their groups, in the order
// of the plan.
func (o *Placed) All() iter.Seq2[int, *scheduler.Placement] {
	return func(yield func(int, *scheduler.Placement) bool) {
		for n, group := range o.Groups {
			for i := range group {
				if group[i].AllocID != "" && !yield(n, &group[i]) {
					return
				}
			}
		}
	}
}

// Count is how many instances of a group, by its number, found room.
func (o *Placed) Count(group int) int {
	n := 0
	for i := range o.Groups[group] {
		if o.Groups[group][i].AllocID != "" {
			n++
		}
	}
	return n
}

// total is how many instances found room.
func (o *Placed) total() int {
	n := 0
	for group := range o.Groups {
		n += o.Count(group)
	}
	return n
}

// fail notes that so many instances of a group found no room.
func (o *Placed) fail(group string, why *api.AllocationMetric, count int) {
	if o.Failed == nil {
		o.Failed = make(map[string]*api.AllocationMetric)
	}
	if o.Failed[group] == nil {
		o.Failed[group] = why
	}
	o.Queued[group] += count
}

// behind counts what a group wants besides what was tried.
func (o *Placed) behind(g *plan.Group) {
	if g.More == 0 {
		return
	}
	o.Queued[g.Name] += g.More
	if why := o.Failed[g.Name]; why != nil {
		more := *why
		more.CoalescedFailures += g.More
		o.Failed[g.Name] = &more
	}
}

// took notes how long it took to find room, for each instance.
func (o *Placed) took(all time.Duration) {
	count := len(o.Failed) + o.total()
	if count == 0 {
		return
	}
	each := all / time.Duration(count)
	for _, at := range o.All() {
		at.Metrics.AllocationTime = each
	}
	for group, why := range o.Failed {
		timed := *why
		timed.AllocationTime = each
		o.Failed[group] = &timed
	}
}
