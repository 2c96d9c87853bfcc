package job

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/scheduler"
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
	offered map[reconcile.Request][]string // nodes for whose room a job was woken and that it has not looked at
	blind   int                            // how many of those who wait are blind
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

// need is what a job in line wants room for.
type need struct {
	job   *api.Job
	group *api.TaskGroup
	count int
	nodes map[string]bool // only these will do, for a system job or for sticky volumes
	// freed are, by node, instances that would stop for what is waited for.
	freed map[string][]string
	shape string
	// preempts says that others of lower priority may have to end for it.
	preempts bool
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
		offered: make(map[reconcile.Request][]string),
	}
}

// stand puts a job in line with what it found no room for, or takes it out if that is
// nothing. It reports whether the job had been woken because of room. inFlight says that
// placements of others were not committed when it looked.
func (l *line) stand(req reconcile.Request, needs []need, inFlight bool) (heard bool) {
	l.leave(req)
	heard = len(l.offered[req]) > 0
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
		l.offered[first.req] = append(l.offered[first.req], node)
		woken = append(woken, first.req)
		first = best.first(gain)
	}
	return woken
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
	nodes := l.offered[req]
	delete(l.offered, req)
	return nodes
}

// needs returns what of a plan found no room.
func (p *plan) needs(v *view, at *placed) []need {
	var out []need
	j := v.job
	for i, g := range p.groups {
		if at.queued[g.name] == 0 {
			continue
		}
		first := len(out)
		for k := range g.wants {
			if at.groups[i][k].AllocID == "" {
				out = noteNeed(out, first, j, g, &g.wants[k])
			}
		}
		if first < len(out) {
			out[first].count += g.more
		}
	}
	for i := range out {
		out[i].preempts = preempts(v.config, j)
		out[i].shape = shapeOf(&out[i])
	}
	return out
}

// noteNeed adds a want that found no room to the needs of its group, which are those
// from first on: one for each version, for each instance that has volumes of its own, and
// for those to which only some nodes will do.
func noteNeed(needs []need, first int, j *api.Job, g *groupPlan, w *want) []need {
	job, group := w.spec(j, g.group)
	at := first
	bound := w.node != "" || w.home != ""
	for at < len(needs) && (needs[at].job != job || needs[at].group != group || (needs[at].nodes != nil) != bound) {
		at++
	}
	if at == len(needs) {
		needs = append(needs, need{job: job, group: group})
	}
	needs[at].count++
	needs[at].note(w)
	return needs
}

// note notes where a want that found no room could go.
func (n *need) note(w *want) {
	if node := cmp.Or(w.node, w.home); node != "" {
		if n.nodes == nil {
			n.nodes = make(map[string]bool)
		}
		n.nodes[node] = true
	}
	switch w.why {
	case updated, migrated, resumed, preempted:
		if n.freed == nil {
			n.freed = make(map[string][]string)
		}
		n.freed[w.prev.NodeID] = append(n.freed[w.prev.NodeID], w.prev.ID)
	}
}

// shapeOf names all that decides whether a node has room for an instance.
func shapeOf(n *need) string {
	var b strings.Builder
	j, g := n.job, n.group
	if n.nodes != nil || n.freed != nil {
		fmt.Fprintf(&b, "%s/%s/%s|", api.Deref(j.Namespace), api.Deref(j.ID), api.Deref(g.Name))
	}
	if n.preempts {
		fmt.Fprintf(&b, "%d|", api.Deref(j.Priority))
	}
	fmt.Fprintf(&b, "%v|%s|%q|", scheduler.UsageOf(g), api.Deref(j.NodePool), j.Datacenters)
	rules := func(list []*api.Constraint) {
		for _, c := range list {
			if c.Operand == "distinct_hosts" || c.Operand == "distinct_property" {
				// Depends on where the job's other instances are.
				fmt.Fprintf(&b, "%s/%s/", api.Deref(j.Namespace), api.Deref(j.ID))
			}
			fmt.Fprintf(&b, "%q", *c)
		}
		b.WriteByte('|')
	}
	rules(j.Constraints)
	rules(g.Constraints)
	for _, t := range g.Tasks {
		fmt.Fprintf(&b, "%s", t.Driver)
		rules(t.Constraints)
		if t.Resources != nil {
			networks(&b, t.Resources.Networks)
			alone(&b, t.Resources)
		}
	}
	networks(&b, g.Networks)
	volumes(&b, api.Deref(j.Namespace), g.Volumes)
	return b.String()
}

func networks(b *strings.Builder, list []*api.NetworkResource) {
	for _, n := range list {
		fmt.Fprintf(b, "%s%v%v", n.Mode, n.ReservedPorts, n.DynamicPorts)
	}
	b.WriteByte('|')
}
