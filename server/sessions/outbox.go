package sessions

import (
	"sync"

	"github.com/droverhq/drover/api"
)

// outbox is what a node has not been told yet: per allocation only the newest
// state, and which of its batches are stored. It is filled by the hub and by the
// session's receiver, neither of which ever waits for the node to read, and emptied
// by the session's sender.
type outbox struct {
	ready chan struct{} // holds one token while there is something to send

	mu      sync.Mutex // guards the rest
	all     bool       // everything must be sent again; pending is what changed since
	pending map[string]parcel
	acks    []uint64 // sequence numbers of batches
}

// news is what an outbox held.
type news struct {
	all     bool
	pending map[string]parcel
	acks    []uint64
}

// parcel is the newest state of an allocation.
type parcel struct {
	index   uint64
	alloc   *api.Allocation
	removed bool
}

func newOutbox() *outbox {
	o := &outbox{ready: make(chan struct{}, 1), pending: map[string]parcel{}}
	o.putAll()
	return o
}

func (o *outbox) put(index uint64, a *api.Allocation, removed bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.pending[a.ID].index > index {
		return
	}
	o.pending[a.ID] = parcel{index, a, removed}
	o.wake()
}

func (o *outbox) putAll() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = true
	o.wake()
}

func (o *outbox) ack(seq uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.acks = append(o.acks, seq)
	o.wake()
}

// take empties the outbox.
func (o *outbox) take() news {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := news{o.all, o.pending, o.acks}
	o.all, o.pending, o.acks = false, map[string]parcel{}, nil
	return n
}

// wake is called with mu held.
func (o *outbox) wake() {
	select {
	case o.ready <- struct{}{}:
	default:
	}
}
