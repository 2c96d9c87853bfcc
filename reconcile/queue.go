package reconcile

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// itemState is where a request is in the queue. A request that the queue does not
// know is idle: there is nothing to do for it.
type itemState uint8

const (
	itemDelayed itemState = iota // waits for its time
	itemReady                    // waits for a worker
	itemWorking                  // a worker has it, or it rests after a long pass
	itemDirty                    // the same, and it was added again meanwhile
)

// item is a request that the queue knows. While it is delayed or ready it is in the
// heap of that name; while it rests it is among the delayed ones.
type item struct {
	req      Request
	state    itemState
	priority int
	failures int       // in a row
	err      error     // of the last of them
	resting  bool      // its pass was long
	due      time.Time // delayed: when it becomes ready; ready: since when; else: when its pass began
	again    time.Time // rests: when it becomes ready even if it is not added; zero: never
	order    int64     // rank in its heap, lowest first
	seq      uint64    // among those of equal rank, lowest first
	pos      int       // in its heap
}

// queue hands requests to workers: each to one worker at a time, once however often
// it was added, earliest first with a head start by priority.
type queue struct {
	clock Clock
	limit *limiter
	wake  chan struct{} // the earliest delayed item has changed

	mu      sync.Mutex // guards what is below
	items   map[Request]*item
	ready   itemHeap
	delayed itemHeap
	seq     uint64 // of the latest item that was pushed
	working int    // requests that workers have
	closed  bool
	added   sync.Cond // something became ready, or closed
	taken   sync.Cond // something was taken, or closed
}

func newQueue(clock Clock, retry RetryOptions) *queue {
	q := &queue{
		clock: clock,
		limit: newLimiter(retry),
		wake:  make(chan struct{}, 1),
		items: make(map[Request]*item),
	}
	q.added.L, q.taken.L = &q.mu, &q.mu
	return q
}

// pending is a request with the priority that it is added with.
type pending struct {
	req      Request
	priority int
}

// add makes requests ready now, or as soon as the worker that has them is done.
func (q *queue) add(reqs ...pending) {
	if len(reqs) == 0 {
		return
	}
	now := q.clock.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, r := range reqs {
		q.addLocked(r, now)
	}
}

func (q *queue) addLocked(r pending, now time.Time) {
	it, known := q.items[r.req]
	if !known {
		it = &item{req: r.req, priority: r.priority}
		q.items[r.req] = it
		q.pushReady(it, now)
		return
	}
	it.priority = max(it.priority, r.priority)
	switch it.state {
	case itemDelayed:
		heap.Remove(&q.delayed, it.pos)
		it.priority = r.priority
		q.pushReady(it, now)
	case itemReady:
		if order := rank(it.due, it.priority); order != it.order {
			it.order = order
			heap.Fix(&q.ready, it.pos)
		}
	case itemWorking:
		it.state = itemDirty
		it.priority = r.priority
	case itemDirty:
	}
}

// pushReady makes an item ready that is in no heap.
func (q *queue) pushReady(it *item, now time.Time) {
	it.state = itemReady
	it.due = now
	it.order = rank(now, it.priority)
	q.seq++
	it.seq = q.seq
	heap.Push(&q.ready, it)
	q.added.Signal()
}

// rank is the place of an item among the ready ones: a unit of priority is worth a
// second of waiting.
func rank(ready time.Time, priority int) int64 {
	return ready.UnixNano() - int64(priority)*int64(time.Second)
}

// get waits for a ready request and gives it to the caller, who must call done,
// with how long it was ready. ok is false once the queue is closed.
func (q *queue) get() (req Request, waited time.Duration, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.ready) == 0 && !q.closed {
		q.added.Wait()
	}
	if q.closed {
		return Request{}, 0, false
	}
	it := heap.Pop(&q.ready).(*item)
	it.state, it.resting = itemWorking, false
	q.working++
	q.taken.Broadcast()
	now := q.clock.Now()
	waited = now.Sub(it.due)
	it.due = now
	return it.req, waited, true
}

// verdict is what becomes of a request after a pass.
type verdict uint8

const (
	settled    verdict = iota // nothing to do until something changes, or until a time
	failed                    // again, after a delay that grows
	conflicted                // again, at once
)

// A key whose passes are long, as those of a job with many thousands of instances are,
// rests after each, so that a stream of changes costs few of them: it takes a quarter
// of a worker's time. A change waits for that no longer than people notice.
const (
	longPass  = 2 * time.Millisecond // shorter ones are not worth a timer
	restRatio = 3
	maxRest   = 200 * time.Millisecond
)

// rest is how long a key is left alone after a pass that took so long.
func rest(took time.Duration) time.Duration {
	if took < longPass {
		return 0
	}
	return min(restRatio*took, maxRest)
}

// done gives a request back. after is for a settled one: when to look again, 0 for
// never. A request that was added meanwhile is ready again at once, or when it has
// rested.
func (q *queue) done(req Request, v verdict, after time.Duration) {
	now := q.clock.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	it := q.items[req]
	q.working--
	switch v {
	case settled:
		it.failures, it.err = 0, nil
	case failed:
		it.failures++
		after = q.limit.retry(now, it.failures)
	case conflicted:
		it.failures++
		after = q.limit.conflict(it.failures)
	}
	pause := rest(now.Sub(it.due))
	it.again = time.Time{}
	if after > 0 {
		it.again = now.Add(after)
	}
	switch {
	case q.closed:
		delete(q.items, req)
	case v == conflicted && after == 0:
		q.pushReady(it, now)
	case v == settled && pause > 0:
		it.resting = true
		q.put(it, now.Add(pause))
	default:
		q.release(it, now)
	}
}

// release lets go of an item that has had its pass and its rest.
func (q *queue) release(it *item, now time.Time) {
	switch {
	case it.state == itemDirty:
		q.pushReady(it, now)
	case it.again.IsZero():
		delete(q.items, it.req)
	default:
		it.state = itemDelayed
		q.put(it, it.again)
	}
}

// put adds an item that is in no heap to the delayed ones.
func (q *queue) put(it *item, due time.Time) {
	it.due = due
	it.order = due.UnixNano()
	q.seq++
	it.seq = q.seq
	heap.Push(&q.delayed, it)
	if it.pos == 0 {
		q.poke()
	}
}

func (q *queue) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// run makes delayed requests ready when their time has come, and ends rests. It returns when the
// context is cancelled, and closes the queue.
func (q *queue) run(ctx context.Context) {
	defer q.close()
	for {
		var timer <-chan time.Time
		if next, ok := q.promote(); ok {
			timer = q.clock.After(next)
		}
		select {
		case <-ctx.Done():
			return
		case <-timer:
		case <-q.wake:
		}
	}
}

// promote makes ready what is due, and returns how long until the next is.
func (q *queue) promote() (time.Duration, bool) {
	now := q.clock.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.delayed) > 0 {
		it := q.delayed[0]
		if wait := it.due.Sub(now); wait > 0 {
			return wait, true
		}
		heap.Pop(&q.delayed)
		if it.state == itemDelayed {
			q.pushReady(it, now)
		} else {
			q.release(it, now)
		}
	}
	return 0, false
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.added.Broadcast()
	q.taken.Broadcast()
}

// room waits until fewer than n requests are ready. It is false once the queue is
// closed.
func (q *queue) room(n int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.ready) >= n && !q.closed {
		q.taken.Wait()
	}
	return !q.closed
}

// note keeps why the pass over a request failed, until one succeeds. It comes before
// done.
func (q *queue) note(req Request, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items[req].err = err
}

// depth is how many requests are ready.
func (q *queue) depth() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.ready)
}

// itemHeap orders items by rank.
type itemHeap []*item

func (h itemHeap) Len() int { return len(h) }
func (h itemHeap) Less(i, j int) bool {
	if h[i].order != h[j].order {
		return h[i].order < h[j].order
	}
	return h[i].seq < h[j].seq
}

func (h itemHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].pos, h[j].pos = i, j
}

func (h *itemHeap) Push(x any) {
	it := x.(*item)
	it.pos = len(*h)
	*h = append(*h, it)
}

func (h *itemHeap) Pop() any {
	old := *h
	it := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return it
}
