package job

// slotSet is a set of the slots of a group, which are numbers from 0.
type slotSet []uint64

func newSlotSet(size int) slotSet { return make(slotSet, (size+63)/64) }

func (s slotSet) has(n int) bool { return n >= 0 && n/64 < len(s) && s[n/64]&(1<<(n%64)) != 0 }
func (s slotSet) add(n int)      { s[n/64] |= 1 << (n % 64) }
func (s slotSet) remove(n int)   { s[n/64] &^= 1 << (n % 64) }
