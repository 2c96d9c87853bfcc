package roster

import (
	"slices"

	"github.com/droverhq/drover/controllers/job/plan"
)

// seats are the settled instances of a group.
type seats struct {
	holders []holder // by slot
	plan.Settled
	done plan.SlotSet // the slots of those that have done what a batch instance is for
}

// holder is who is settled in a slot.
type holder struct {
	id      uint64 // a hash of its ID; 0: nobody is
	created uint64 // CreateIndex
}

func newSeats(count int) *seats {
	return &seats{holders: make([]holder, count), Settled: plan.Settled{Slots: plan.NewSlotSet(count)}, done: plan.NewSlotSet(count)}
}

// has reports whether there is a seat for a slot. s may be nil.
func (s *seats) has(slot int) bool { return s != nil && slot >= 0 && slot < len(s.holders) }

// counted returns what a pass is told of who is seated.
func (s *seats) counted() *plan.Settled {
	told := s.Settled
	told.Slots = slices.Clone(s.Slots)
	return &told
}

// add counts an instance.
func (s *seats) add(i *plan.Instance) {
	s.Slots.Add(i.Slot)
	if i.Completed() {
		s.done.Add(i.Slot)
		s.Ended++
	} else {
		s.Running++
	}
}

// remove counts who is in a slot no more.
func (s *seats) remove(slot int) {
	s.Slots.Remove(slot)
	if s.done.Has(slot) {
		s.done.Remove(slot)
		s.Ended--
	} else {
		s.Running--
	}
}
