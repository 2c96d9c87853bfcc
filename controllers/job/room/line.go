package room

import (
	"cmp"
	"slices"
	"sort"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
)

// line is the jobs that wait for room. A job stands in it from the moment in which
// an instance of it found none. When a node gains room, it is offered to the first in
// line for whom it is right: by priority, then by how long they wait. That job is
// woken and leaves the line; if it comes back without having taken the room, the
// next is woken. So a gain of room wakes a few jobs, however many wait, and never
// passes by one that could use it.
type line struct {
	turn    uint64            // counts gains of room, and jobs that take their stand
	gains   map[string]uint64 // by node: the turn of its last gain
	waiting map[reconcile.Request]*waiter
	shapes  map[string]*shape
	offered map[reconcile.Request]*offer // jobs that were woken, and have not looked yet
	blind   int                          // how many of those who wait are blind
}

// offer is the nodes for whose room a job was woken, and what it needs.
type offer struct {
	nodes []string
	needs []need
}

// waiter is a job in line.
type waiter struct {
	req      reconcile.Request
	priority int
	since    uint64 // the turn in which it looked at every node
	needs    []need
	// blind says that it may preempt others, and that there were some that it did not see
	// when it looked, as they were not committed.
	blind bool
}

// shape is the jobs in line whose instances are alike: what is no room for one is
// none for all.
type shape struct {
	sample *need
	queue  []*waiter // who has waited for longest last, of the highest priority
}

func newLine() *line {
	return &line{
		gains:   make(map[string]uint64),
		waiting: make(map[reconcile.Request]*waiter),
		shapes:  make(map[string]*shape),
		offered: make(map[reconcile.Request]*offer),
	}
}

// stand puts a job in line with what it found no room for, or takes it out if that is
// nothing. It reports whether the job had been woken because of room. inFlight says that
// placements of others were not committed when it looked.
func (l *line) stand(req reconcile.Request, needs []need, inFlight bool) (heard bool) {
	l.leave(req)
	heard = l.offered[req] != nil
	if len(needs) == 0 {
		return heard
	}
	l.turn++
	w := &waiter{req: req, priority: api.Deref(needs[0].job.Priority), since: l.turn, needs: needs}
	l.waiting[req] = w
	if w.blind = inFlight && needs[0].preempts; w.blind {
		l.blind++
	}
	for i := range needs {
		n := &needs[i]
		s := l.shapes[n.shape]
		if s == nil {
			s = &shape{sample: n}
			l.shapes[n.shape] = s
		}
		at, _ := slices.BinarySearchFunc(s.queue, w, behind)
		s.queue = slices.Insert(s.queue, at, w)
	}
	return heard
}

// leave takes a job out of the line.
func (l *line) leave(req reconcile.Request) {
	w := l.waiting[req]
	if w == nil {
		return
	}
	delete(l.waiting, req)
	if w.blind {
		l.blind--
	}
	for i := range w.needs {
		name := w.needs[i].shape
		s := l.shapes[name]
		if s == nil {
			continue
		}
		if at, ok := slices.BinarySearchFunc(s.queue, w, behind); ok {
			s.queue = slices.Delete(s.queue, at, at+1)
		}
		if len(s.queue) == 0 {
			delete(l.shapes, name)
		}
	}
}

// behind orders a shape's queue: who stands before others comes later.
func behind(a, b *waiter) int {
	return cmp.Or(cmp.Compare(a.priority, b.priority), cmp.Compare(b.since, a.since))
}

// gained notes that a node has more room than before.
func (l *line) gained(node string) {
	l.turn++
	l.gains[node] = l.turn
}

// offer appends the jobs that are to look at the room of a node: of the shape whose
// first in line stands before the others, as many as there is room for.
func (l *line) offer(node string, room func(n *need, node string) int, woken []reconcile.Request) []reconcile.Request {
	if len(l.shapes) == 0 {
		return woken
	}
	gain := l.gains[node]
	var best *shape
	var first *waiter
	places := 0
	for _, s := range l.shapes {
		w := s.first(gain)
		if w == nil || (first != nil && behind(w, first) <= 0) {
			continue
		}
		if n := room(s.sample, node); n > 0 {
			best, first, places = s, w, n
		}
	}
	if best == nil {
		return woken
	}
	name := best.sample.shape
	for places > 0 && first != nil {
		places -= first.count(name)
		l.leave(first.req)
		l.promise(first.req, node, first.needs)
		woken = append(woken, first.req)
		first = best.first(gain)
	}
	return woken
}

// promise notes that a job is to look at the room of a node before anybody else is.
func (l *line) promise(req reconcile.Request, node string, needs []need) {
	o := l.offered[req]
	if o == nil {
		o = &offer{}
		l.offered[req] = o
	}
	o.nodes, o.needs = append(o.nodes, node), needs
}

// first returns who stands first of those that have not looked since a gain.
func (s *shape) first(gain uint64) *waiter {
	for i := len(s.queue) - 1; i >= 0; {
		w := s.queue[i]
		if w.since < gain {
			return w
		}
		// Others of its priority looked even later.
		i = sort.Search(i, func(k int) bool { return s.queue[k].priority >= w.priority }) - 1
	}
	return nil
}

// count is how many instances of a shape a job waits to place.
func (w *waiter) count(shape string) int {
	n := 0
	for i := range w.needs {
		if w.needs[i].shape == shape {
			n += w.needs[i].count
		}
	}
	return max(1, n)
}

// release returns the nodes whose room a job was woken for, once it has looked.
func (l *line) release(req reconcile.Request) []string {
	o := l.offered[req]
	if o == nil {
		return nil
	}
	delete(l.offered, req)
	return o.nodes
}
