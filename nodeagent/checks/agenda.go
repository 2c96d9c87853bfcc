package checks

import (
	"container/heap"
	"time"
)

// agenda is when checks are to be made: the next one first.
type agenda struct{ entries entries }

type entry struct {
	check *watched
	at    time.Time
	place int // in the heap; −1: not in it
}

// put notes when a check is to be made, in place of what was noted of it before.
func (a *agenda) put(e *entry, at time.Time) {
	e.at = at
	if e.place >= 0 {
		heap.Fix(&a.entries, e.place)
		return
	}
	heap.Push(&a.entries, e)
}

// remove forgets a check.
func (a *agenda) remove(e *entry) {
	if e.place >= 0 {
		heap.Remove(&a.entries, e.place)
	}
}

// due takes a check from the agenda whose time has come, or says how long until one's
// has (0: there is none).
func (a *agenda) due(now time.Time) (*watched, time.Duration) {
	if len(a.entries) == 0 {
		return nil, 0
	}
	first := a.entries[0]
	if wait := first.at.Sub(now); wait > 0 {
		return nil, wait
	}
	heap.Pop(&a.entries)
	return first.check, 0
}

// entries implements heap.Interface.
type entries []*entry

func (e entries) Len() int           { return len(e) }
func (e entries) Less(i, j int) bool { return e[i].at.Before(e[j].at) }

func (e entries) Swap(i, j int) {
	e[i], e[j] = e[j], e[i]
	e[i].place, e[j].place = i, j
}

// Push is for package heap.
func (e *entries) Push(x any) {
	x.(*entry).place = len(*e)
	*e = append(*e, x.(*entry))
}

// Pop is for package heap.
func (e *entries) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	(*e)[last] = nil
	*e = (*e)[:last]
	x.place = -1
	return x
}
