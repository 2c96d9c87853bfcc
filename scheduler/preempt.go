package scheduler

import (
	"cmp"
	"slices"
	"strings"

	"github.com/droverhq/drover/api"
)

// PreemptionGap is how far the priority of an allocation has to be below that of a job to
// be preempted by it: jobs of about the same priority don't evict each other in turn.
const PreemptionGap = 10

// Victim is an allocation that may be preempted.
type Victim struct {
	ID       string
	Priority int // of its job
	// Limit is how many instances of its group should be evicted at a time; 0: any number.
	Limit int
	// Since is when it was placed, in any unit, and Number its number in its group: of those
	// that are alike the youngest goes, and of these that with the highest number.
	Since  uint64
	Number int
}

// prey is an allocation that may be preempted, and what that gives.
type prey struct {
	Victim
	group groupKey
	usage api.Usage
	// What it has to itself, as far as the ask is about such things.
	ports   []heldPort
	holding *holding // nil: nothing
}

// alone reports whether it has something that others like it do not have.
func (a *prey) alone() bool { return len(a.ports) > 0 || a.holding != nil }

// kind is allocations of a node that are alike: which of them goes does not matter to
// others, so that the first ones do.
type kind struct {
	prey []prey
	team int // number of it among those of the node
}

// team is the allocations of a node that may be preempted and are of one group.
type team struct {
	group    groupKey
	priority int
	limit    int
}

// hunt is the allocations of a node that may be preempted.
type hunt struct {
	kinds []kind // of the highest priority first
	teams []team // in the same order
	gone  []prey // evicted for others before: they end anyway
	// choice is the set of them that does least damage, nil if no set is enough. It is known
	// only if decided; otherwise none does less damage than bound (nil: who knows), nor, with
	// beyond, as little.
	choice          *choice
	decided, beyond bool
	bound           damage
}

// choice is allocations of a node whose room is enough for an instance, with that of those
// who end anyway.
type choice struct {
	damage damage
	waste  float64
	prey   []prey
	freed  freedNode // theirs, with all that is freed anyway
	after  candidate // the node without them
}

// damage is what evicting a set of allocations does, by priority, the highest first.
type damage []harm

// harm is damage done to jobs of one priority.
type harm struct {
	priority int
	over     int // instances beyond the limits of their groups
	count    int
}

// compare orders damage: less is less than 0. What is done to a higher priority counts
// before all that is done to lower ones; for one priority the limits of groups count
// before the number of allocations.
func (d damage) compare(e damage) int {
	for i, j := 0, 0; i < len(d) || j < len(e); {
		var x, y harm
		switch {
		case j == len(e) || i < len(d) && d[i].priority > e[j].priority:
			x = d[i]
			i++
		case i == len(d) || d[i].priority < e[j].priority:
			y = e[j]
			j++
		default:
			x, y = d[i], e[j]
			i, j = i+1, j+1
		}
		if c := cmp.Or(cmp.Compare(x.over, y.over), cmp.Compare(x.count, y.count)); c != 0 {
			return c
		}
	}
	return 0
}

// hunt returns the allocations of a node that may be preempted by the ask.
func (p *placing) hunt(slot int32) *hunt {
	if h := p.hunts[slot]; h != nil {
		return h
	}
	if p.hunts == nil {
		p.hunts = map[int32]*hunt{}
	}
	h := &hunt{}
	var all []prey
	all, h.gone = p.preyOn(slot)
	h.sort(all)
	p.hunts[slot] = h
	return h
}

// preyOn returns who may be preempted on a node, and who has been evicted already.
func (p *placing) preyOn(slot int32) (some, gone []prey) {
	f, most := p.fleet, api.Deref(p.ask.Job.Priority)-PreemptionGap
	for _, v := range p.ask.Victims(f.nodes[slot].id) {
		key := keyOf(v.ID)
		e, ok := f.entry(key)
		if !ok || e.slot != slot || p.freed.seen[key] {
			continue
		}
		one := prey{Victim: v, usage: f.usages.key(e.usage)}
		if len(p.request.ports) > 0 {
			one.ports = f.ports(key, e)
		}
		if p.request.grants() {
			if h := f.holding(key); !h.none() {
				one.holding = &h
			}
		}
		switch mark, evicted := f.evictions.marks[key]; {
		case evicted && !mark.assumed && !slices.Contains(p.preempted[slot], v.ID):
			gone = append(gone, one)
		case !evicted && e.group != noGroup && v.Priority <= most:
			one.group = f.groups.table.key(e.group)
			some = append(some, one)
		}
	}
	slices.SortFunc(gone, func(a, b prey) int { return strings.Compare(a.ID, b.ID) })
	return some, gone
}

// sort makes kinds of what may be preempted.
func (h *hunt) sort(all []prey) {
	slices.SortFunc(all, func(a, b prey) int {
		return cmp.Or(a.compareKind(&b), cmp.Compare(b.Since, a.Since), cmp.Compare(b.Number, a.Number), strings.Compare(a.ID, b.ID))
	})
	for i := range all {
		one := &all[i]
		if last := len(h.teams) - 1; last < 0 || h.teams[last].group != one.group {
			h.teams = append(h.teams, team{one.group, one.Priority, one.Limit})
		}
		if i == 0 || one.alone() || all[i-1].alone() || one.compareKind(&all[i-1]) != 0 {
			h.kinds = append(h.kinds, kind{team: len(h.teams) - 1})
		}
		k := &h.kinds[len(h.kinds)-1]
		k.prey = append(k.prey, *one)
	}
}

// compareKind orders allocations so that those that are alike, but for what they have to
// themselves, are together.
func (a *prey) compareKind(b *prey) int {
	u, v := &a.usage, &b.usage
	return cmp.Or(
		cmp.Compare(b.Priority, a.Priority),
		strings.Compare(a.group.namespace, b.group.namespace), strings.Compare(a.group.job, b.group.job),
		strings.Compare(a.group.group, b.group.group),
		cmp.Compare(v.CPU, u.CPU), cmp.Compare(v.MemoryMB, u.MemoryMB), cmp.Compare(v.DiskMB, u.DiskMB), cmp.Compare(v.Cores, u.Cores),
	)
}

// preempt finds the node on which room for an instance does least damage; among those on
// which it does the same, the one with the best score. It returns nil if there is none.
func (p *placing) preempt() (c *candidate, best *choice) {
	if p.ask.Victims == nil {
		return nil, nil
	}
	consider := func(other *candidate, h *hunt) {
		if h.choice != nil && (best == nil || p.preferred(h.choice, best)) {
			c, best = other, h.choice
		}
	}
	var open []*candidate
	for i := range p.ranking.candidates {
		other := &p.ranking.candidates[i]
		if p.crowded(other, p.fleet.nodes[other.slot].facts) != "" {
			continue
		}
		if h := p.hunt(other.slot); h.decided {
			consider(other, h)
		} else {
			open = append(open, other)
		}
	}
	for _, other := range open {
		h := p.hunt(other.slot)
		if best == nil || h.mayDo(best.damage) {
			h.search(p, other, best)
			consider(other, h)
		}
	}
	return c, best
}

// preferred reports whether one choice is better than another one on another node.
func (p *placing) preferred(a, b *choice) bool {
	order := a.damage.compare(b.damage)
	return order < 0 || order == 0 && p.better(&a.after, &b.after)
}

// mayDo reports whether some set may do as little damage as that.
func (h *hunt) mayDo(d damage) bool {
	if h.bound == nil {
		return true
	}
	order := d.compare(h.bound)
	return order > 0 || order == 0 && !h.beyond
}

// search finds the set of allocations that does least damage on a candidate, unless all
// do more than best does elsewhere.
func (h *hunt) search(p *placing, c *candidate, best *choice) {
	s := newSearch(p, h, c)
	if best != nil {
		s.bound = best.damage
	}
	h.choice = s.run()
	h.decided = h.choice != nil || !s.cut
	h.bound, h.beyond = s.bound, true
	if h.choice == nil {
		return
	}
	p.trial = h.choice.freed
	h.choice.after = p.without(c, &p.trial)
}

// reconsider takes note that instances of a group are about to be evicted. As long as it has
// not lost as many as its limit, that makes further ones cost more: who would have chosen
// some has to look again.
func (h *hunt) reconsider(lost []prey, before map[groupKey]int) {
	if !h.decided || h.choice == nil {
		return
	}
	for i := range lost {
		group, limit := lost[i].group, lost[i].Limit
		if before[group] < limit && slices.ContainsFunc(h.choice.prey, func(one prey) bool { return one.group == group }) {
			h.decided, h.beyond, h.bound = false, false, h.choice.damage
			return
		}
	}
}

// without returns a candidate as it is when what is freed has gone.
func (p *placing) without(c *candidate, freed *freedNode) candidate {
	before := p.freed.nodes[c.slot]
	p.freed.set(c.slot, freed)
	after := p.candidate(c.slot)
	after.bucket, after.scores, after.instances, after.mates = c.bucket, c.scores, c.instances, c.mates
	p.grant(&after)
	p.freed.set(c.slot, before)
	after.rescore(p.fleet.nodes[c.slot].room, p.request.count, p.ask.Policy)
	return after
}

// evict takes a choice: those in it end, and the candidate has their room. What is placed
// on the node by this ask from now on counts on it.
func (p *placing) evict(c *candidate, chosen *choice, t *tally) {
	t.relent(p.fleet.nodes[c.slot].facts, c.short)
	freed := chosen.freed
	p.freed.set(c.slot, &freed)
	*c = chosen.after
	if p.preempted == nil {
		p.preempted = map[int32][]string{}
	}
	for _, h := range p.hunts {
		h.reconsider(chosen.prey, p.fleet.evictions.perGroup)
	}
	ids := p.preempted[c.slot]
	for i := range p.hunt(c.slot).gone {
		ids = append(ids, p.hunts[c.slot].gone[i].ID)
	}
	for i := range chosen.prey {
		ids = append(ids, chosen.prey[i].ID)
		p.fleet.Evict(chosen.prey[i].ID)
	}
	p.preempted[c.slot] = ids
	delete(p.hunts, c.slot)
}
