package table

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// reader is a position in the feed. It implements store.Feed.
type reader struct {
	hub   *hub
	kinds []api.Kind // none: all
	set   kindSet
	pos   atomic.Uint64 // everything up to this index has been returned
	idle  atomic.Bool   // nothing that was there when it last looked is left to read
	group *group

	closing sync.Once
	closed  chan struct{}
}

func (h *hub) watch(after uint64, kinds []api.Kind) store.Feed {
	r := &reader{hub: h, kinds: slices.Clone(kinds), set: ^kindSet(0), closed: make(chan struct{})}
	r.pos.Store(after)
	if len(kinds) > 0 {
		r.set = 0
		for _, k := range kinds {
			r.set |= h.bit(k)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	r.group = h.groups[r.set]
	if r.group == nil {
		r.group = &group{wake: make(chan struct{})}
		h.groups[r.set] = r.group
	}
	r.group.readers++
	return r
}

// Close implements store.Feed.
func (r *reader) Close() {
	r.closing.Do(func() {
		close(r.closed)
		r.hub.mu.Lock()
		defer r.hub.mu.Unlock()
		if r.group.readers--; r.group.readers == 0 {
			delete(r.hub.groups, r.set)
		}
	})
}

// Next implements store.Feed.
func (r *reader) Next(ctx context.Context) ([]store.Change, uint64, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, r.pos.Load(), err
		}
		select {
		case <-r.closed:
			return nil, r.pos.Load(), store.ErrClosed
		default:
		}
		batches, wake, err := r.read()
		if err != nil {
			return nil, r.pos.Load(), err
		}
		if changes := r.filter(batches); len(changes) > 0 {
			return changes, r.pos.Load(), nil
		}
		if len(batches) > 0 {
			continue
		}
		select {
		case <-wake:
		case <-ctx.Done():
		case <-r.closed:
		case <-r.hub.done:
			return nil, r.pos.Load(), store.ErrClosed
		}
	}
}

// maxRead is about how many changes Next returns at once: enough to make a wake-up
// worth it, few enough to be worked off in between.
const maxRead = 4096

// read returns the next batches that may concern the reader and moves behind them,
// or, if there are none yet, a channel that is closed when there may be.
func (r *reader) read() ([]batch, <-chan struct{}, error) {
	h := r.hub
	h.mu.RLock()
	r.idle.Store(false)
	batches, err := r.collect()
	h.mu.RUnlock()
	if err != nil || len(batches) > 0 {
		return batches, nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if batches, err = r.collect(); err != nil || len(batches) > 0 {
		return batches, nil, err
	}
	r.group.waiting = true
	r.idle.Store(true)
	return nil, r.group.wake, nil
}

// Behind implements store.Feed.
func (r *reader) Behind() float64 {
	h := r.hub
	h.mu.RLock()
	defer h.mu.RUnlock()
	next := h.ring.after(r.pos.Load())
	if r.idle.Load() || next == h.ring.len() {
		return 0
	}
	b, newest := h.ring.at(next), h.ring.at(h.ring.len()-1)
	weight, bytes := h.upTo.weight-b.upTo.weight+b.weight(), h.upTo.bytes-b.upTo.bytes+b.bytes
	mostWeight, mostBytes := h.room(newest.objects)
	return max(float64(weight)/float64(mostWeight), float64(bytes)/float64(mostBytes))
}

// collect is read without the waiting. The caller holds the hub's mu.
func (r *reader) collect() ([]batch, error) {
	h := r.hub
	if h.closed {
		return nil, store.ErrClosed
	}
	pos := r.pos.Load()
	if pos >= h.last {
		return nil, nil
	}
	for slot, lost := range h.lost {
		if lost > pos && r.set&(1<<slot) != 0 {
			return nil, store.ErrResync
		}
	}
	var out []batch
	seen, found := h.last, 0
	for i := h.ring.after(pos); i < h.ring.len(); i++ {
		b := h.ring.at(i)
		if b.kinds&r.set == 0 {
			continue
		}
		if found += len(b.deltas); found > maxRead && len(out) > 0 {
			seen = b.index - 1
			break
		}
		out = append(out, *b)
	}
	r.pos.Store(seen)
	return out, nil
}

// filter returns the changes that the reader watches. What it returns may be shared.
func (r *reader) filter(batches []batch) []store.Change {
	if len(batches) == 1 && batches[0].changes != nil && batches[0].kinds&^r.set == 0 && r.set&batches[0].kinds&unknownKinds == 0 {
		return batches[0].changes
	}
	count := 0
	for _, b := range batches {
		for i := range b.deltas {
			if r.watches(b.deltas[i].key.Kind) {
				count++
			}
		}
	}
	if count == 0 {
		return nil
	}
	out := make([]store.Change, 0, count)
	for _, b := range batches {
		for i := range b.deltas {
			switch {
			case !r.watches(b.deltas[i].key.Kind):
			case b.changes != nil:
				out = append(out, b.changes[i])
			default:
				out = append(out, b.deltas[i].change(b.index))
			}
		}
	}
	return out
}

func (r *reader) watches(k api.Kind) bool { return len(r.kinds) == 0 || slices.Contains(r.kinds, k) }
