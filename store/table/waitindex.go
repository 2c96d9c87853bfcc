package table

import (
	"container/heap"
	"context"

	"github.com/droverhq/drover/store"
)

// indexWait is someone who waits for an index.
type indexWait struct {
	index   uint64
	reached chan struct{}
	at      int // place in the heap; −1 when it has left
}

// indexHeap is a heap of waits, the lowest index first.
type indexHeap []*indexWait

func (w indexHeap) Len() int           { return len(w) }
func (w indexHeap) Less(i, j int) bool { return w[i].index < w[j].index }
func (w indexHeap) Swap(i, j int)      { w[i], w[j] = w[j], w[i]; w[i].at, w[j].at = i, j }

func (w *indexHeap) Push(x any) {
	x.(*indexWait).at = len(*w)
	*w = append(*w, x.(*indexWait))
}

func (w *indexHeap) Pop() any {
	last := len(*w) - 1
	x := (*w)[last]
	(*w)[last] = nil
	*w = (*w)[:last]
	x.at = -1
	return x
}

func (h *hub) waitIndex(ctx context.Context, index uint64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	h.mu.Lock()
	if h.closed || h.last >= index {
		defer h.mu.Unlock()
		if h.closed {
			return store.ErrClosed
		}
		return nil
	}
	w := &indexWait{index: index, reached: make(chan struct{})}
	heap.Push(&h.indexes, w)
	h.mu.Unlock()
	select {
	case <-w.reached:
		return nil
	case <-h.done:
		return store.ErrClosed
	case <-ctx.Done():
		h.mu.Lock()
		defer h.mu.Unlock()
		if w.at >= 0 {
			heap.Remove(&h.indexes, w.at)
		}
		return ctx.Err()
	}
}
