package reconcile

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func started(t *testing.T, retry RetryOptions) *queue {
	t.Helper()
	q := newQueue(RealClock{}, retry)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { q.run(ctx) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return q
}

func key(id string) pending { return pending{req: Request{ID: id}} }

func take(t *testing.T, q *queue) string {
	t.Helper()
	req, _, ok := q.get()
	if !ok {
		t.Fatal("the queue is closed")
	}
	return req.ID
}

func expectDepth(t *testing.T, q *queue, want int) {
	t.Helper()
	synctest.Wait()
	if got := q.depth(); got != want {
		t.Fatalf("%d requests are ready, want %d", got, want)
	}
}

func TestRequestAddedManyTimesIsTakenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := started(t, RetryOptions{})
		q.add(key("a"), key("a"), key("b"), key("a"))
		expectDepth(t, q, 2)
	})
}

func TestRequestAddedDuringItsPassWaitsForTheEndOfIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := started(t, RetryOptions{})
		q.add(key("a"))
		take(t, q)
		q.add(key("a"), key("a"))
		expectDepth(t, q, 0)
		q.done(Request{ID: "a"}, settled, 0)
		expectDepth(t, q, 1)
	})
}

func TestPriorityIsWorthSecondsOfWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := started(t, RetryOptions{})
		q.add(key("old"))
		time.Sleep(4 * time.Second)
		q.add(key("newer"))
		time.Sleep(2 * time.Second)
		q.add(pending{Request{ID: "urgent"}, 5})
		got := []string{take(t, q), take(t, q), take(t, q)}
		if want := "[old urgent newer]"; fmt.Sprint(got) != want {
			t.Errorf("taken in the order %v, want %s", got, want)
		}
	})
}

func TestReadyRequestIsAdvancedByAnAddOfHigherPriority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := started(t, RetryOptions{})
		q.add(key("a"), key("b"))
		q.add(pending{Request{ID: "b"}, 1})
		if got := take(t, q); got != "b" {
			t.Errorf("took %s, want b", got)
		}
	})
}

func TestRequeueComesWhenItsTimeHasCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := started(t, RetryOptions{})
		q.add(key("later"), key("sooner"))
		for range 2 {
			req, _, _ := q.get()
			q.done(req, settled, map[string]time.Duration{"later": time.Hour, "sooner": time.Minute}[req.ID])
		}
		begin := time.Now()
		for _, want := range []string{"sooner 1m0s", "later 1h0m0s"} {
			req, _, _ := q.get()
			if got := fmt.Sprint(req.ID, " ", time.Since(begin)); got != want {
				t.Errorf("took %q, want %q", got, want)
			}
		}
	})
}

func TestLaterPassReplacesTheRequeueOfAnEarlierOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := started(t, RetryOptions{})
		q.add(key("a"))
		take(t, q)
		q.done(Request{ID: "a"}, settled, time.Minute)
		q.add(key("a"))
		take(t, q)
		q.done(Request{ID: "a"}, settled, 0)
		time.Sleep(time.Hour)
		expectDepth(t, q, 0)
		if len(q.items) != 0 {
			t.Errorf("the queue still knows %d requests", len(q.items))
		}
	})
}

func TestLongPassIsFollowedByARest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := started(t, RetryOptions{})
		pass := func(took, after time.Duration) {
			take(t, q)
			time.Sleep(took)
			q.done(Request{ID: "a"}, settled, after)
		}
		untilReady := func() time.Duration {
			begin := time.Now()
			take(t, q)
			defer q.done(Request{ID: "a"}, settled, 0)
			return time.Since(begin)
		}
		for _, tc := range []struct {
			name        string
			took, after time.Duration
			add         func()
			want        time.Duration
		}{
			{"added after a short one", time.Millisecond, 0, func() { q.add(key("a")) }, 0},
			{"added after a long one", 10 * time.Millisecond, 0, func() { q.add(key("a"), key("a")) }, 30 * time.Millisecond},
			{"added after a very long one", time.Second, 0, func() { q.add(key("a")) }, 200 * time.Millisecond},
			{"to be looked at again later", 10 * time.Millisecond, time.Minute, func() {}, time.Minute},
			{"to be looked at again sooner", 10 * time.Millisecond, time.Millisecond, func() {}, 30 * time.Millisecond},
			{"added after the rest", 10 * time.Millisecond, time.Minute, func() { time.Sleep(time.Second); q.add(key("a")) }, 0},
		} {
			q.add(key("a"))
			pass(tc.took, tc.after)
			tc.add()
			if got := untilReady(); got != tc.want {
				t.Errorf("%s: ready after %v, want %v", tc.name, got, tc.want)
			}
		}
		time.Sleep(time.Hour)
		if expectDepth(t, q, 0); len(q.items) != 0 {
			t.Errorf("the queue still knows %d requests", len(q.items))
		}
	})
}

func TestRequestAddedDuringALongPassRestsToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := started(t, RetryOptions{})
		q.add(key("a"))
		take(t, q)
		q.add(key("a"))
		time.Sleep(10 * time.Millisecond)
		q.done(Request{ID: "a"}, settled, time.Hour)
		expectDepth(t, q, 0)
		time.Sleep(30 * time.Millisecond)
		expectDepth(t, q, 1)
	})
}

func TestRetriesOfAKeyBackOffAndStartAgainAfterASuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := started(t, RetryOptions{BaseDelay: time.Second, MaxDelay: 5 * time.Second})
		q.add(key("a"))
		take(t, q)
		var delays []time.Duration
		for _, v := range []verdict{failed, failed, failed, failed, conflicted, settled, failed, conflicted} {
			if v == settled {
				q.done(Request{ID: "a"}, v, time.Second)
				take(t, q)
				continue
			}
			begin := time.Now()
			q.done(Request{ID: "a"}, v, 0)
			take(t, q)
			delays = append(delays, time.Since(begin))
		}
		if got, want := fmt.Sprint(delays), "[1s 2s 4s 5s 8ms 1s 1ms]"; got != want {
			t.Errorf("delays %s, want %s", got, want)
		}
	})
}

func TestRetriesOfAllKeysTogetherAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := started(t, RetryOptions{BaseDelay: time.Millisecond, PerSecond: 10, Burst: 5})
		for i := range 25 {
			q.add(key(fmt.Sprint(i)))
			take(t, q)
			q.done(Request{ID: fmt.Sprint(i)}, failed, 0)
		}
		time.Sleep(time.Second + time.Millisecond)
		expectDepth(t, q, 15) // the burst, and ten of one second
	})
}

func TestRoomWaitsUntilWorkersHaveTakenEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := started(t, RetryOptions{})
		q.add(key("a"), key("b"))
		var free bool
		done := make(chan struct{})
		go func() {
			defer close(done)
			free = q.room(2)
		}()
		synctest.Wait()
		if free {
			t.Error("two are ready, but there is room for a second")
		}
		take(t, q)
		<-done
		if !free {
			t.Error("one is ready, but there is no room for a second")
		}
	})
}

// stopped is a clock that stands still: no pass is long.
type stopped struct{ RealClock }

func (stopped) Now() time.Time { return time.Unix(1, 0) }

// The queue keeps its promises whatever is done to it: no key is with two workers,
// none that was added is forgotten, and none is with a worker that was not added.
func TestQueueNeitherLosesNorSharesAKey(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		q := newQueue(stopped{}, RetryOptions{BaseDelay: time.Hour, MaxDelay: time.Hour})
		working := map[string]bool{}
		wanted := map[string]bool{} // added since the last pass began
		ids := rapid.SampledFrom([]string{"a", "b", "c", "d"})
		rt.Repeat(map[string]func(*rapid.T){
			"add": func(rt *rapid.T) {
				id := ids.Draw(rt, "id")
				q.add(pending{Request{ID: id}, rapid.IntRange(0, 3).Draw(rt, "priority")})
				wanted[id] = true
			},
			"get": func(rt *rapid.T) {
				if q.depth() == 0 {
					rt.Skip("nothing is ready")
				}
				req, _, _ := q.get()
				if working[req.ID] || !wanted[req.ID] {
					rt.Fatalf("got %s: working %v, wanted %v", req, working[req.ID], wanted[req.ID])
				}
				working[req.ID] = true
				delete(wanted, req.ID)
			},
			"done": func(rt *rapid.T) {
				id := ids.Draw(rt, "id")
				if !working[id] {
					rt.Skip("no worker has it")
				}
				q.done(Request{ID: id}, rapid.SampledFrom([]verdict{settled, failed}).Draw(rt, "verdict"), 0)
				delete(working, id)
			},
			"": func(rt *rapid.T) {
				ready := 0
				for id := range wanted {
					if !working[id] {
						ready++
					}
				}
				if q.depth() != ready {
					rt.Fatalf("%d are ready, want %d", q.depth(), ready)
				}
			},
		})
	})
}

func BenchmarkAddOfAKnownRequest(b *testing.B) {
	q := newQueue(RealClock{}, RetryOptions{})
	reqs := make([]pending, 1000)
	for i := range reqs {
		reqs[i] = key("a")
	}
	b.ResetTimer()
	for i := 0; i < b.N; i += len(reqs) {
		q.add(reqs...)
	}
}

func BenchmarkPassThroughTheQueue(b *testing.B) {
	q := newQueue(RealClock{}, RetryOptions{})
	reqs := make([]pending, 1000)
	for i := range reqs {
		reqs[i] = key(fmt.Sprint(i))
	}
	b.ResetTimer()
	for i := 0; i < b.N; i += len(reqs) {
		q.add(reqs...)
		for range reqs {
			req, _, _ := q.get()
			q.done(req, settled, 0)
		}
	}
}
