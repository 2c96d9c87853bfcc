package plan

// SlotSet is a set of the slots of a group, which are numbers from 0.
type SlotSet []uint64

func NewSlotSet(size int) SlotSet { return make(SlotSet, (size+63)/64) }

func (s SlotSet) Has(n int) bool { return n >= 0 && n/64 < len(s) && s[n/64]&(1<<(n%64)) != 0 }
func (s SlotSet) Add(n int)      { s[n/64] |= 1 << (n % 64) }
func (s SlotSet) Remove(n int)   { s[n/64] &^= 1 << (n % 64) }
