package job

import (
	"slices"
)

// seats are the settled instances of a group.
type seats struct {
	holders []holder // by slot
	settled
	done slotSet // the slots of those that have done what a batch instance is for
}

// holder is who is settled in a slot.
type holder struct {
	id      uint64 // a hash of its ID; 0: nobody is
	created uint64 // CreateIndex
}

func newSeats(count int) *seats {
	return &seats{holders: make([]holder, count), settled: settled{slots: newSlotSet(count)}, done: newSlotSet(count)}
}

// has reports whether there is a seat for a slot. s may be nil.
func (s *seats) has(slot int) bool { return s != nil && slot >= 0 && slot < len(s.holders) }

// counted returns what a pass is told of who is seated.
func (s *seats) counted() *settled {
	told := s.settled
	told.slots = slices.Clone(s.slots)
	return &told
}

// add counts an instance.
func (s *seats) add(i *instance) {
	s.slots.add(i.slot)
	if i.completed() {
		s.done.add(i.slot)
		s.ended++
	} else {
		s.running++
	}
}

// remove counts who is in a slot no more.
func (s *seats) remove(slot int) {
	s.slots.remove(slot)
	if s.done.has(slot) {
		s.done.remove(slot)
		s.ended--
	} else {
		s.running--
	}
}
