package reconcile

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestQueueSaysWhyAKeyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := started(t, RetryOptions{BaseDelay: time.Second})
		begin := time.Now()
		a := Request{ID: "a"}
		broken := errors.New("broken")
		expect := func(step string, want KeyStatus) {
			t.Helper()
			synctest.Wait()
			if got := q.inspect(a); got != want {
				t.Errorf("%s: %+v, want %+v", step, got, want)
			}
		}
		expect("never added", KeyStatus{State: KeyIdle})
		q.add(pending{a, 3})
		expect("added", KeyStatus{State: KeyQueued, Since: begin, Priority: 3})
		time.Sleep(time.Second)
		take(t, q)
		expect("taken", KeyStatus{State: KeyWorking, Since: begin.Add(time.Second), Priority: 3})
		q.add(key("a"))
		expect("added meanwhile", KeyStatus{State: KeyWorking, Since: begin.Add(time.Second), Again: true})
		q.note(a, broken)
		q.done(a, failed, 0)
		expect("failed, but added meanwhile", KeyStatus{State: KeyQueued, Since: begin.Add(time.Second), Failures: 1, Err: broken})
		take(t, q)
		q.note(a, broken)
		q.done(a, failed, 0)
		expect("failed again", KeyStatus{State: KeyRetrying, Until: begin.Add(3 * time.Second), Failures: 2, Err: broken})
		take(t, q)
		time.Sleep(20 * time.Millisecond)
		q.note(a, nil)
		q.done(a, settled, time.Hour)
		ended := begin.Add(3*time.Second + 20*time.Millisecond)
		expect("after a long pass", KeyStatus{State: KeyResting, Until: ended.Add(60 * time.Millisecond)})
		time.Sleep(time.Second)
		expect("rested", KeyStatus{State: KeyWaiting, Until: ended.Add(time.Hour)})
		if ready, working, delayed := q.lengths(); ready != 0 || working != 0 || delayed != 1 {
			t.Errorf("%d are ready, %d with workers, %d delayed", ready, working, delayed)
		}
	})
}
