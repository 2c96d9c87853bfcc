package fleet

import (
	"testing"
	"time"
)

func TestQuantilesAreRightToATenth(t *testing.T) {
	var l Latencies
	for n := 1; n <= 1000; n++ {
		l.Add(time.Duration(n) * 10 * time.Millisecond)
	}
	for q, want := range map[float64]time.Duration{0.001: 10 * time.Millisecond, 0.5: 5 * time.Second, 0.99: 9900 * time.Millisecond, 1: 10 * time.Second} {
		if got := Quantile(l.Counts(), q); got < want || got > want*11/10 {
			t.Errorf("%v of all within %v, want %v or a tenth more", q, got, want)
		}
	}
	if got := Quantile(new(Latencies).Counts(), 0.5); got != 0 {
		t.Errorf("of nothing: %v", got)
	}
}

func TestTasksEndInTheOrderInWhichTheyAreDue(t *testing.T) {
	timers := newTimers()
	timers.add("last", time.Hour)
	timers.add("second", time.Millisecond)
	timers.add("first", 0)
	var ended []string
	for len(ended) < 2 {
		<-timers.next()
		ended = append(ended, timers.due()...)
	}
	if ended[0] != "first" || ended[1] != "second" || len(ended) > 2 {
		t.Errorf("ended: %q", ended)
	}
}
