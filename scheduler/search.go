package scheduler

import (
	"slices"
	"sort"
)

// searchLimit is how many sets of allocations are tried on one node until the best that
// was found is good enough. Some ten kinds of allocations on a node are looked at
// exhaustively; beyond, a set may be chosen that could do with a little less, but never
// one from which an allocation could be spared.
const searchLimit = 2000

// search goes through the sets of a node's allocations that are enough for an instance,
// by depth first, branch and bound: kind by kind, of the highest priority first, as few of
// each as the others allow. So the first set that it comes to is a good one, and most of
// the others are left out because a part of them does more damage already.
type search struct {
	p    *placing
	hunt *hunt
	// start is the node with all that is freed anyway, or going already: base.
	start candidate
	base  freedNode
	// rest is what the kinds from one on have in all.
	rest   []freedNode
	counts []int // by kind
	before []int // by team: evicted already
	taken  []int // by team
	did    damage
	tried  int
	bound  damage // of a choice on another node; nil: none
	cut    bool   // something was left out because of bound
	best   *choice
}

func newSearch(p *placing, h *hunt, c *candidate) *search {
	counts := make([]int, len(h.kinds)+2*len(h.teams))
	s := &search{
		p: p, hunt: h, rest: make([]freedNode, len(h.kinds)+1),
		counts: counts[:len(h.kinds)], before: counts[len(h.kinds):][:len(h.teams)], taken: counts[len(h.kinds)+len(h.teams):],
	}
	if freed := p.freed.nodes[c.slot]; freed != nil {
		s.base = *freed
	}
	s.base = s.base.with(h.gone)
	p.trial = s.base
	s.start = p.without(c, &p.trial)
	for k := len(h.kinds) - 1; k >= 0; k-- {
		s.rest[k] = s.rest[k+1].with(h.kinds[k].prey)
	}
	for i := range h.teams {
		s.before[i] = p.fleet.evictions.perGroup[h.teams[i].group]
	}
	return s
}

// run returns the best set, or nil.
func (s *search) run() *choice {
	if s.fits(s.base.plus(s.rest[0])) {
		s.descend(0, s.base)
	}
	return s.best
}

// descend decides about the kinds from k on, when freed is what goes already.
func (s *search) descend(k int, freed freedNode) {
	if s.fits(freed) {
		s.keep(freed)
		return
	}
	if k == len(s.hunt.kinds) {
		return
	}
	kind := &s.hunt.kinds[k]
	fewest := sort.Search(len(kind.prey)+1, func(n int) bool {
		return s.fits(freed.with(kind.prey[:n]).plus(s.rest[k+1]))
	})
	for n := fewest; n <= len(kind.prey); n++ {
		s.take(k, n)
		if freed := freed.with(kind.prey[:n]); s.hopeful(freed) {
			s.descend(k+1, freed)
		} else {
			break // more of them do more damage
		}
	}
	s.take(k, 0)
}

func (s *search) take(k, n int) {
	s.taken[s.hunt.kinds[k].team] += n - s.counts[k]
	s.counts[k] = n
}

// hopeful reports whether a set that has what is taken now, and perhaps more, could be
// the best.
func (s *search) hopeful(freed freedNode) bool {
	d := s.damage()
	if s.bound != nil && d.compare(s.bound) > 0 {
		s.cut = true
		return false
	}
	if s.best == nil {
		return true
	}
	if s.tried > searchLimit {
		return false
	}
	order := d.compare(s.best.damage)
	return order < 0 || order == 0 && s.waste(freed) < s.best.waste
}

// keep notes a set that is enough, if it is better than the best so far.
func (s *search) keep(freed freedNode) {
	d, waste := s.damage(), s.waste(freed)
	if s.best != nil {
		if order := d.compare(s.best.damage); order > 0 || order == 0 && waste >= s.best.waste {
			return
		}
	}
	s.best = &choice{damage: slices.Clone(d), waste: waste, freed: freed}
	for k, n := range s.counts {
		s.best.prey = append(s.best.prey, s.hunt.kinds[k].prey[:n]...)
	}
}

// damage is what evicting all that is taken does. It is good until the next call.
func (s *search) damage() damage {
	s.did = s.did[:0]
	for i, n := range s.taken {
		if n == 0 {
			continue
		}
		team := &s.hunt.teams[i]
		last := len(s.did) - 1
		if last < 0 || s.did[last].priority != team.priority {
			s.did = append(s.did, harm{priority: team.priority})
			last++
		}
		s.did[last].count += n
		if team.limit > 0 {
			s.did[last].over += max(0, s.before[i]+n-team.limit) - max(0, s.before[i]-team.limit)
		}
	}
	return s.did
}

// waste is how much of a node goes with what is freed: of sets that do the same damage,
// the one that fits best is that with the least.
func (s *search) waste(freed freedNode) float64 {
	gone, room := freed.usage.Sub(s.base.usage), s.p.fleet.nodes[s.start.slot].room
	sum := 0.0
	for _, r := range [...][2]int64{{gone.CPU, room.CPU}, {gone.MemoryMB, room.MemoryMB}, {gone.DiskMB, room.DiskMB}} {
		if r[1] > 0 {
			sum += float64(r[0]) / float64(r[1])
		}
	}
	return sum
}

// fits reports whether an instance fits on the node without what is freed.
func (s *search) fits(freed freedNode) bool {
	s.tried++
	c := s.start
	c.free = c.free.Add(freed.usage.Sub(s.base.usage))
	c.places = s.p.fleet.nodes[c.slot].places(freed.allocations)
	if len(s.p.request.ports) == 0 && !s.p.request.grants() { // amounts are all that matters
		return s.p.exhausted(&c) == ""
	}
	before := s.p.freed.nodes[c.slot]
	s.p.trial = freed
	s.p.freed.set(c.slot, &s.p.trial)
	exhausted := s.p.exhausted(&c)
	s.p.freed.set(c.slot, before)
	return exhausted == ""
}

// with returns what is freed with some allocations besides.
func (n freedNode) with(some []prey) freedNode {
	ports, held := n.ports[:len(n.ports):len(n.ports)], n.holding.clip()
	for i := range some {
		n.usage = n.usage.Add(some[i].usage)
		ports = append(ports, some[i].ports...)
		if h := some[i].holding; h != nil {
			held.add(*h)
		}
	}
	n.allocations += len(some)
	n.ports, n.holding = ports, held
	return n
}

// plus returns what is freed in two ways.
func (n freedNode) plus(m freedNode) freedNode {
	held := n.holding.clip()
	held.add(m.holding)
	return freedNode{
		usage: n.usage.Add(m.usage), allocations: n.allocations + m.allocations,
		ports: append(n.ports[:len(n.ports):len(n.ports)], m.ports...), holding: held,
	}
}

// roomByEviction is 1 if an instance has room on a candidate's node when those that it may
// preempt go, else 0.
func (p *placing) roomByEviction(c *candidate) int {
	if p.ask.Victims == nil || p.crowded(c, p.fleet.nodes[c.slot].facts) != "" {
		return 0
	}
	h := p.hunt(c.slot)
	if h.search(p, c, nil); h.choice == nil {
		return 0
	}
	return 1
}
