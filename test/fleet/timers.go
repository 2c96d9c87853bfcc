package fleet

import "time"

// timers is when tasks end. As all run for the same time, the order in which they
// were added is the order in which they are due.
type timers struct {
	queue []timer
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
	t.queue = append(t.queue, timer{id, time.Now().Add(after)})
	if len(t.queue) == 1 {
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
		ids = append(ids, t.queue[0].id)
		t.queue = t.queue[1:]
	}
	if len(t.queue) > 0 {
		t.timer.Reset(t.queue[0].at.Sub(now))
	}
	return ids
}
