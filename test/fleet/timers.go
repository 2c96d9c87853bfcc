package fleet

import (
	"container/heap"
	"time"
)

// timers is when tasks end.
type timers struct {
	queue timerHeap
	timer *time.Timer
}

type timer struct {
	id string
	at time.Time
}

func newTimers() *timers {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return &timers{timer: t}
}

func (t *timers) add(id string, after time.Duration) {
	heap.Push(&t.queue, timer{id, time.Now().Add(after)})
	if t.queue[0].id == id {
		t.timer.Reset(after)
	}
}

// next is ready when a task is due.
func (t *timers) next() <-chan time.Time { return t.timer.C }

// due removes and returns the tasks that are due.
func (t *timers) due() []string {
	now := time.Now()
	var ids []string
	for len(t.queue) > 0 && !t.queue[0].at.After(now) {
		ids = append(ids, heap.Pop(&t.queue).(timer).id)
	}
	if len(t.queue) > 0 {
		t.timer.Reset(t.queue[0].at.Sub(now))
	}
	return ids
}

// timerHeap has the one that is due next first.
type timerHeap []timer

func (h timerHeap) Len() int           { return len(h) }
func (h timerHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h timerHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *timerHeap) Push(x any)        { *h = append(*h, x.(timer)) }

func (h *timerHeap) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	(*h)[last] = timer{}
	*h = (*h)[:last]
	return x
}
