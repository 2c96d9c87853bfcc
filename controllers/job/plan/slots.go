package plan

import (
	"cmp"
	"slices"
	"strings"

	"github.com/droverhq/drover/api"
)

// slots says who holds which of the places of a task group. A service or batch
// group of count N has the slots 0 to N−1, which are the numbers in the names of
// its instances; so names are unique among those that hold a slot, and are used
// again. An instance whose number is N or more is stopped, the highest first, but not
// in order to start another one: it keeps its number, and a slot stays free for it.
type slots struct {
	holders []*Instance       // those that keep their place, by number
	vacant  []int             // slots that want an instance
	past    map[int]*Instance // by slot: the latest that held it and is gone
	surplus []*Instance       // run, or will, or failed, and have no place: to be stopped
}

// assign finds who holds the slots of a group. of are the allocations of the group.
func assign(v *View, g *api.TaskGroup, of []*Instance) *slots {
	count := max(0, api.Deref(g.Count))
	s := &slots{past: make(map[int]*Instance)}
	bySlot := make(map[int]*Instance, len(of))
	var beyond []*Instance
	for _, i := range of {
		inRange := i.Slot >= 0 && i.Slot < count
		switch {
		case !v.holds(g, i):
			if inRange && Newer(i, s.past[i.Slot]) {
				s.past[i.Slot] = i
			}
			if !inRange || !v.mayReturn(i) {
				s.dismiss(i)
			}
		case !inRange:
			beyond = append(beyond, i)
		case bySlot[i.Slot] == nil:
			bySlot[i.Slot] = i
		case v.better(g, i, bySlot[i.Slot]):
			s.outdo(bySlot[i.Slot], i)
			bySlot[i.Slot] = i
		default:
			s.outdo(i, bySlot[i.Slot])
		}
	}
	others := v.settled[api.Deref(g.Name)]
	for slot := range count {
		if others.holds(slot) {
			continue
		}
		if h := bySlot[slot]; h != nil {
			s.holders = append(s.holders, h)
		} else {
			s.vacant = append(s.vacant, slot)
		}
	}
	s.keep(beyond)
	return s
}

// keep lets instances beyond the count stay where otherwise as many would be started.
func (s *slots) keep(beyond []*Instance) {
	slices.SortFunc(beyond, func(a, b *Instance) int {
		return cmp.Or(cmp.Compare(a.Slot, b.Slot), strings.Compare(a.ID, b.ID))
	})
	last := -1
	for _, i := range beyond {
		if len(s.vacant) == 0 || !i.Live() || i.Slot <= last {
			s.retire(i)
			continue
		}
		last = i.Slot
		s.holders = append(s.holders, i)
		s.vacant = s.vacant[:len(s.vacant)-1]
	}
}

// dismiss notes an instance that has no place.
func (s *slots) dismiss(i *Instance) {
	if i.Live() {
		s.surplus = append(s.surplus, i)
	}
}

// retire dismisses an instance that could have had a place. It is not to be replaced
// later either, if it failed.
func (s *slots) retire(i *Instance) {
	if i.Live() || i.failed() && i.WantsRun() && i.NextAllocation == "" {
		s.surplus = append(s.surplus, i)
	}
}

// outdo retires an instance whose slot another one holds.
func (s *slots) outdo(i, by *Instance) {
	i.GaveWay = i.returned() || by.returned()
	s.retire(i)
}

// holds reports whether an allocation takes the place of an instance: because it
// runs, because it failed and is not to be replaced yet, or because it did what a
// batch instance is for.
func (v *View) holds(g *api.TaskGroup, i *Instance) bool {
	if v.foreign(i) {
		return false
	}
	batch := v.Job.IsBatch()
	if batch && i.ended() && i.JobVersion != v.Current() {
		return false // a changed batch job runs again
	}
	if i.Lost == api.AllocClientLost && !i.ended() {
		return false
	}
	if i.Unknown() {
		return i.WantsRun() && i.NextAllocation == "" && (v.Job.IsSystem() || i.expected || g.AwaitsDisconnected())
	}
	if batch && i.Done() {
		return true
	}
	if i.returned() {
		return true
	}
	if !i.WantsRun() || i.NextAllocation != "" {
		return false
	}
	return !i.ended() || i.failed()
}

// better reports whether an allocation holds a slot rather than another one. What a
// batch instance is for, and has been done, is not done again.
func (v *View) better(g *api.TaskGroup, a, b *Instance) bool {
	if a.ended() != b.ended() {
		return b.ended() != (v.Job.IsBatch() && (a.Done() || b.Done()))
	}
	if x, y := a.JobVersion == v.Current(), b.JobVersion == v.Current(); x != y {
		return x
	}
	if a.returned() || b.returned() {
		return stays(g, a, b)
	}
	return Newer(b, a)
}
