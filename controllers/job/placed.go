package job

import (
	"iter"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/scheduler"
)

// placed is where the instances of a plan go.
type placed struct {
	// groups are the placements, by group of the plan and, in it, by want; one whose
	// AllocID is empty found no room.
	groups [][]scheduler.Placement
	// failed says, by name of the group, why instances found no room, and queued how many.
	failed map[string]*api.AllocationMetric
	queued map[string]int
	// classes says which classes of nodes would do for the groups that found no room.
	classes map[string]bool
	// evictions are who has to end, by the ID of the allocation for whose sake.
	evictions map[string][]eviction
	names     []string // of the groups
}

// all yields the placements that were made, with the numbers of their groups.
func (o *placed) all() iter.Seq2[int, *scheduler.Placement] {
	return func(yield func(int, *scheduler.Placement) bool) {
		for n, group := range o.groups {
			for i := range group {
				if group[i].AllocID != "" && !yield(n, &group[i]) {
					return
				}
			}
		}
	}
}

// count is how many instances of a group found room.
func (o *placed) count(group int) int {
	n := 0
	for i := range o.groups[group] {
		if o.groups[group][i].AllocID != "" {
			n++
		}
	}
	return n
}

// total is how many instances found room.
func (o *placed) total() int {
	n := 0
	for group := range o.groups {
		n += o.count(group)
	}
	return n
}

// fail notes that so many instances of a group found no room.
func (o *placed) fail(group string, why *api.AllocationMetric, count int) {
	if o.failed == nil {
		o.failed = make(map[string]*api.AllocationMetric)
	}
	if o.failed[group] == nil {
		o.failed[group] = why
	}
	o.queued[group] += count
}

// behind counts what a group wants besides what was tried.
func (o *placed) behind(g *groupPlan) {
	if g.more == 0 {
		return
	}
	o.queued[g.name] += g.more
	if why := o.failed[g.name]; why != nil {
		more := *why
		more.CoalescedFailures += g.more
		o.failed[g.name] = &more
	}
}

// took notes how long it took to find room, for each instance.
func (o *placed) took(all time.Duration) {
	count := len(o.failed) + o.total()
	if count == 0 {
		return
	}
	each := all / time.Duration(count)
	for _, at := range o.all() {
		at.Metrics.AllocationTime = each
	}
	for group, why := range o.failed {
		timed := *why
		timed.AllocationTime = each
		o.failed[group] = &timed
	}
}
