package table

import (
	"container/heap"
	"maps"
	"sync"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// batch is the changes of one transaction.
type batch struct {
	index   uint64
	kinds   kindSet
	bytes   int
	objects int // how many there are, after it
	upTo    mark
	deltas  []delta
	// changes is the deltas with their objects, as long as the batch is new.
	changes []store.Change
}

// mark is how much has been published up to a batch, since the hub was made.
type mark struct{ weight, bytes int }

// weight is what a batch counts for in the ring; one without changes takes room too.
func (b *batch) weight() int { return max(1, len(b.deltas)) }

// cool lets go of objects that can be made again.
func (b *batch) cool() {
	b.changes = nil
	for i := range b.deltas {
		b.deltas[i].new.cool()
	}
}

// kindSet is a set of kinds, by slot. Kinds that are not in the registry share the last
// bit.
type kindSet uint64

const unknownKinds kindSet = 1 << 63

// hub keeps the latest changes and wakes who waits for more.
type hub struct {
	maxChanges, maxBytes, maxNew int

	slots map[api.Kind]int // of the kinds in the registry

	// mu guards what follows. Readers hold it shared, for as long as it takes to copy
	// slice headers.
	mu      sync.RWMutex
	last    uint64 // the index up to which everything has been published
	upTo    mark
	ring    ring
	weight  int // of all batches in the ring
	bytes   int
	fresh   int                // how many batches at the end of the ring are new
	news    int                // their weight
	lost    [64]uint64         // by slot: the highest index whose changes have left the ring
	groups  map[kindSet]*group // readers by what they watch
	indexes indexHeap          // who waits for an index
	wake    []chan struct{}    // to be closed by the waker
	closed  bool

	kick chan struct{} // tells the waker that there is something in wake
	done chan struct{} // closed with the hub
	gone chan struct{} // closed when the waker has ended
}

// group is the readers that watch the same kinds. They wait on one channel, which is
// closed, and replaced, when there is something for them.
type group struct {
	readers int
	waiting bool
	wake    chan struct{}
}

func newHub(o Options, slots map[api.Kind]int) *hub {
	h := &hub{
		maxChanges: o.FeedChanges,
		maxBytes:   o.FeedBytes,
		maxNew:     o.NewChanges,
		slots:      maps.Clone(slots),
		groups:     make(map[kindSet]*group),
		kick:       make(chan struct{}, 1),
		done:       make(chan struct{}),
		gone:       make(chan struct{}),
	}
	go h.wakeAll()
	return h
}

func (h *hub) bit(k api.Kind) kindSet {
	if slot, known := h.slots[k]; known {
		return 1 << slot
	}
	return unknownKinds
}

// publish appends the changes of a transaction, drops what is too much and has everyone
// woken who waits for it. It never waits for a reader.
func (h *hub) publish(b batch) {
	var last api.Kind
	for i := range b.deltas {
		if k := b.deltas[i].key.Kind; k != last {
			b.kinds |= h.bit(k)
			last = k
		}
	}
	h.mu.Lock()
	h.last = b.index
	h.upTo = mark{h.upTo.weight + b.weight(), h.upTo.bytes + b.bytes}
	b.upTo = h.upTo
	h.ring.push(b)
	h.weight += b.weight()
	h.bytes += b.bytes
	h.fresh++
	h.news += b.weight()
	for h.fresh > 1 && h.news > h.maxNew {
		oldest := h.ring.at(h.ring.len() - h.fresh)
		h.fresh--
		h.news -= oldest.weight()
		oldest.cool()
	}
	changes, bytes := h.room(b.objects)
	for h.ring.len() > 1 && (h.weight > changes || h.bytes > bytes) {
		h.drop(h.ring.pop())
	}
	h.collect(b.kinds)
	h.mu.Unlock()
	h.signal()
}

// With two million allocations, and as many statuses, the feed keeps 250,000 changes, up
// to 128 MB. Reading all that there is takes some 5 µs for each object.
const (
	objectsPerChange = 16
	bytesPerObject   = 32
)

// room is how much is kept when there are so many objects.
func (h *hub) room(objects int) (changes, bytes int) {
	return max(h.maxChanges, objects/objectsPerChange), max(h.maxBytes, objects*bytesPerObject)
}

// drop notes that a batch has left the ring.
func (h *hub) drop(b batch) {
	h.weight -= b.weight()
	h.bytes -= b.bytes
	if h.fresh > h.ring.len() {
		h.fresh--
		h.news -= b.weight()
		b.cool()
	}
	for slot := range h.lost {
		if b.kinds&(1<<slot) != 0 {
			h.lost[slot] = b.index
		}
	}
}

// reset forgets all changes up to index.
func (h *hub) reset(index uint64) {
	h.mu.Lock()
	h.last = index
	h.ring, h.weight, h.bytes = ring{}, 0, 0
	h.fresh, h.news = 0, 0
	for slot := range h.lost {
		h.lost[slot] = index
	}
	h.collect(^kindSet(0))
	h.mu.Unlock()
	h.signal()
}

// collect moves the channels of those to be woken to wake. The caller holds mu.
func (h *hub) collect(kinds kindSet) {
	for watched, g := range h.groups {
		if g.waiting && watched&kinds != 0 {
			h.wake = append(h.wake, g.wake)
			g.wake, g.waiting = make(chan struct{}), false
		}
	}
	for len(h.indexes) > 0 && h.indexes[0].index <= h.last {
		h.wake = append(h.wake, heap.Pop(&h.indexes).(*indexWait).reached)
	}
}

func (h *hub) signal() {
	select {
	case h.kick <- struct{}{}:
	default: // the waker will look again anyway
	}
}

// wakeAll is the waker: waking thousands of readers takes a while, and not the
// writer's time.
func (h *hub) wakeAll() {
	defer close(h.gone)
	for {
		select {
		case <-h.done:
			return
		case <-h.kick:
		}
		h.mu.Lock()
		wake := h.wake
		h.wake = nil
		h.mu.Unlock()
		for _, c := range wake {
			close(c)
		}
	}
}

func (h *hub) close() {
	h.mu.Lock()
	closed := h.closed
	h.closed = true
	h.mu.Unlock()
	if !closed {
		close(h.done)
	}
	<-h.gone
}
