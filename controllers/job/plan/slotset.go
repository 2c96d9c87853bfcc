package plan

// SlotSet is a set of the slots of a group, which are numbers from 0. It takes a bit for each
// slot. It is shared by those whom it is given to; slices.Clone makes another one.
type SlotSet []uint64

// NewSlotSet returns an empty set for the slots below size.
func NewSlotSet(size int) SlotSet { return make(SlotSet, (size+63)/64) }

// Has reports whether a slot, which may be any number, is in the set.
func (s SlotSet) Has(n int) bool { return n >= 0 && n/64 < len(s) && s[n/64]&(1<<(n%64)) != 0 }

// Add adds a slot, which has to be below the size.
func (s SlotSet) Add(n int) { s[n/64] |= 1 << (n % 64) }

// Remove removes a slot, which has to be below the size.
func (s SlotSet) Remove(n int) { s[n/64] &^= 1 << (n % 64) }
