package watch

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/droverhq/drover/store"
)

// ErrStopped is returned to those who wait when the hub stops.
var ErrStopped = errors.New("watch: the hub has stopped")

// remembered is how many (index, topic) pairs a hub keeps: about ten thousand
// changes, in one MiB.
const remembered = 1 << 16

// Hub wakes those who wait for changes. All methods may be called concurrently.
type Hub struct {
	store store.Store

	// mu guards what follows. It is held for as long as one batch of the feed takes,
	// or one look through what is remembered.
	mu      sync.Mutex
	recent  ring
	waiting map[Topic]map[*waiter]struct{}
	stopped bool
}

// waiter is somebody who waits. It is woken at most once, under the hub's mu.
type waiter struct {
	after  uint64 // changes up to this index are known to it
	topics []Topic
	woken  chan struct{} // closed to wake it
	index  uint64        // of the change that woke it; 0 if it is not known
	gone   bool          // it has been woken
}

// NewHub returns a hub that remembers what changes from now on.
func NewHub(s store.Store) *Hub {
	return &Hub{
		store:   s,
		recent:  ring{forgotten: s.Snapshot().Index()},
		waiting: map[Topic]map[*waiter]struct{}{},
	}
}

// Start follows the store until the context ends, then wakes all that wait. It must
// be called once.
func (h *Hub) Start(ctx context.Context) error {
	defer h.stop()
	feed := h.store.Watch(h.recent.forgotten)
	defer func() { feed.Close() }()
	var topics []Topic
	for {
		changes, _, err := feed.Next(ctx)
		switch {
		case errors.Is(err, store.ErrResync):
			feed.Close()
			feed = h.store.Watch(h.resync())
			continue
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("follow the store: %w", err)
		}
		topics = h.publish(changes, topics)
	}
}

// Wait returns once an object of one of the topics may have changed after the
// index: with nil, the context's error, or ErrStopped. The store's snapshots have
// the change by then.
func (h *Hub) Wait(ctx context.Context, after uint64, topics ...Topic) error {
	w, err := h.join(after, topics)
	if w == nil || err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		h.leave(w)
		return ctx.Err()
	case <-w.woken:
	}
	if w.index == 0 {
		return h.wokenWithoutChange()
	}
	return h.store.WaitIndex(ctx, w.index)
}

// Waiting returns how many callers of Wait are blocked.
func (h *Hub) Waiting() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	distinct := map[*waiter]struct{}{}
	for _, ws := range h.waiting {
		for w := range ws {
			distinct[w] = struct{}{}
		}
	}
	return len(distinct)
}

// join registers a waiter, or returns nil if there is nothing to wait for.
func (h *Hub) join(after uint64, topics []Topic) (*waiter, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped {
		return nil, ErrStopped
	}
	if h.recent.mayHaveChanged(after, topics) {
		return nil, nil
	}
	w := &waiter{after: after, topics: topics, woken: make(chan struct{})}
	for _, t := range topics {
		if h.waiting[t] == nil {
			h.waiting[t] = map[*waiter]struct{}{}
		}
		h.waiting[t][w] = struct{}{}
	}
	return w, nil
}

func (h *Hub) leave(w *waiter) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forget(w)
}

// forget removes a waiter. The caller holds mu.
func (h *Hub) forget(w *waiter) {
	for _, t := range w.topics {
		delete(h.waiting[t], w)
		if len(h.waiting[t]) == 0 {
			delete(h.waiting, t)
		}
	}
}

// wake wakes a waiter and forgets it. The caller holds mu.
func (h *Hub) wake(w *waiter, index uint64) {
	if w.gone {
		return
	}
	w.gone, w.index = true, index
	h.forget(w)
	close(w.woken)
}

// publish remembers changes and wakes whom they concern. It returns its scratch space.
func (h *Hub) publish(changes []store.Change, topics []Topic) []Topic {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range changes {
		topics = topicsOf(topics[:0], c)
		for _, t := range topics {
			h.recent.add(c.Index, t)
			for w := range h.waiting[t] {
				if c.Index > w.after {
					h.wake(w, c.Index)
				}
			}
		}
	}
	return topics
}

// resync wakes everybody after changes were missed, forgets what is remembered, and
// returns the index from which to follow the store again.
func (h *Hub) resync() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.recent = ring{forgotten: h.store.Snapshot().Index()}
	h.wakeAll()
	return h.recent.forgotten
}

func (h *Hub) stop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stopped = true
	h.wakeAll()
}

// wakeAll wakes everybody without a change. The caller holds mu.
func (h *Hub) wakeAll() {
	for _, ws := range h.waiting {
		for w := range ws {
			h.wake(w, 0)
		}
	}
}

func (h *Hub) wokenWithoutChange() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped {
		return ErrStopped
	}
	return nil
}

// ring holds the latest pairs of index and topic, oldest at next once it is full.
type ring struct {
	pairs     []pair
	next      int
	forgotten uint64 // changes up to this index may be missing
}

type pair struct {
	index uint64
	topic Topic
}

func (r *ring) add(index uint64, t Topic) {
	if len(r.pairs) < remembered {
		r.pairs = append(r.pairs, pair{index, t})
		return
	}
	r.forgotten = r.pairs[r.next].index
	r.pairs[r.next] = pair{index, t}
	r.next = (r.next + 1) % remembered
}

// mayHaveChanged reports whether one of the topics changed after the index, or
// whether that is not known any more.
func (r *ring) mayHaveChanged(after uint64, topics []Topic) bool {
	if after < r.forgotten {
		return true
	}
	for i := range r.pairs {
		// Newest first: most who ask are up to date but for a few changes.
		p := r.pairs[(r.next+len(r.pairs)-1-i)%len(r.pairs)]
		if p.index <= after {
			return false
		}
		for _, t := range topics {
			if p.topic == t {
				return true
			}
		}
	}
	return false
}
