package scheduler

import (
	"fmt"
	"slices"

	"github.com/droverhq/drover/api"
)

// Ask is a wish for instances of a group.
type Ask struct {
	Job   *api.Job
	Group *api.TaskGroup
	// Policy is what operators have said that holds for the job.
	Policy Policy
	// Count is how many instances are wanted.
	Count int
	// PenaltyNodes are nodes that instances failed on before. They are chosen only
	// if no other will do as well, their score being lowered by a part of −1.
	PenaltyNodes []string
	// Node, if there is one, is the only node that will do: what an instance asks for is
	// there, and nowhere else.
	Node string
	// Preferred, if there is one, is the node that is chosen as long as it can take an
	// instance, whatever the scores: what an instance would like to find is there.
	Preferred string
	// Freed are allocations that stop in the same transaction: for this ask their
	// room counts as free. They stay in the fleet, and keep their room from everyone
	// else, until RemoveAllocation.
	Freed []string
	// Victims returns the allocations of a node, of which some may be preempted if an
	// instance has no room without. Those whose priority is too high (PreemptionGap), that
	// the fleet does not know or that end anyway are not; but the room of those that have
	// been evicted already is used first. nil: nobody may be preempted.
	Victims func(nodeID string) []Victim
	// IDs are those of the allocations to come, Count of them.
	IDs []string
}

// Placement is where one instance goes and what it takes there.
type Placement struct {
	AllocID, NodeID, NodeName string
	Ports                     []api.AllocatedPort
	// Grants are what its tasks have to themselves: cores and devices.
	Grants []api.TaskGrant
	// Preempted are the allocations on the node that have to end so that it has room.
	// Several placements of an ask may count on the room of the same one.
	Preempted []string
	// Usage is UsageOf the group as far as the policy grants it, with the MHz of the
	// cores that it takes.
	Usage api.Usage
	// Metrics says how the node was chosen. AllocationTime is left to the caller.
	// Its maps are shared with other placements and must not be written.
	Metrics *api.AllocationMetric

	claimed *claimed // of CSI volumes; nil: nothing
}

const (
	// shownScores is how many nodes' scores a placement's metrics show.
	shownScores = 5
	// shownScoresUpTo is up to how many instances of an ask the metrics show other
	// nodes than the chosen one: each costs a look at every node.
	shownScoresUpTo = 8
)

// scratch is memory that asks use one after the other.
type scratch struct {
	verdicts   []verdict
	candidates []candidate
}

// freedRoom is what allocations that stop give back.
type freedRoom struct {
	nodes  map[int32]*freedNode    // by slot
	groups map[int32]map[int32]int // instances by group and slot
	seen   map[allocationKey]bool
}

type freedNode struct {
	usage       api.Usage
	allocations int
	ports       []heldPort
	holding     holding
}

// set notes what is freed on a node; nil: nothing.
func (r *freedRoom) set(slot int32, n *freedNode) {
	if n == nil {
		delete(r.nodes, slot)
		return
	}
	if r.nodes == nil {
		r.nodes = map[int32]*freedNode{}
	}
	r.nodes[slot] = n
}

func (f *Fleet) freed(ids []string) freedRoom {
	if len(ids) == 0 {
		return freedRoom{}
	}
	room := freedRoom{
		nodes:  map[int32]*freedNode{},
		groups: map[int32]map[int32]int{},
		seen:   make(map[allocationKey]bool, len(ids)),
	}
	for _, id := range ids {
		key := keyOf(id)
		e, ok := f.entry(key)
		if !ok || room.seen[key] {
			continue
		}
		room.seen[key] = true
		n := room.nodes[e.slot]
		if n == nil {
			n = &freedNode{}
			room.nodes[e.slot] = n
		}
		n.usage = n.usage.Add(f.usages.key(e.usage))
		n.allocations++
		n.ports = append(n.ports, f.ports(key, e)...)
		n.holding.add(f.holding(key))
		if e.group != noGroup {
			if room.groups[e.group] == nil {
				room.groups[e.group] = map[int32]int{}
			}
			room.groups[e.group][e.slot]++
		}
	}
	return room
}

// instances returns the counts of the groups, without what is freed.
func (f *Fleet) instances(room freedRoom, ids ...int32) *instanceCounts {
	c := &instanceCounts{}
	for _, id := range ids {
		c.perNode = append(c.perNode, f.groups.perNode(id))
		for slot, freed := range room.groups[id] {
			if c.freed == nil {
				c.freed = map[int32]int{}
			}
			c.freed[slot] += freed
		}
	}
	return c
}

// placing is one ask being answered.
type placing struct {
	fleet   *Fleet
	ask     *Ask
	request *request
	freed   freedRoom
	survey  survey

	group *instanceCounts // instances of the group before the ask
	// crowd is the instances that must not be on one node, or nil.
	crowd      *instanceCounts
	properties []*distinctProperty
	penalty    map[string]bool
	ranking    *ranking
	offer      offer
	cores      coreOffer
	devices    deviceOffer
	claimed    *claimed // by each instance; nil: nothing
	shown      map[scores]map[string]float64

	hunts     map[int32]*hunt    // by slot
	preempted map[int32][]string // by slot
	trial     freedNode
}

// Place chooses nodes for up to ask.Count instances, the best node for each in
// turn, and takes their room at once. The failure is nil if all were placed,
// otherwise it explains the rest (CoalescedFailures is how many there are besides
// the first).
//
// It is deterministic: equal fleets give equal answers, whatever their history.
// Between nodes of equal score a hash decides (Policy). It costs O((nodes + Count) · log nodes), and with spreads, for
// each instance, a look at each combination of their values.
//
// It panics if len(ask.IDs) is not ask.Count.
func (f *Fleet) Place(ask Ask) (placed []Placement, failure *api.AllocationMetric) {
	if len(ask.IDs) != ask.Count {
		panic(fmt.Sprintf("scheduler: %d allocation IDs for %d instances", len(ask.IDs), ask.Count))
	}
	if ask.Count == 0 {
		return nil, nil
	}
	p := f.newPlacing(&ask)
	p.rank()
	placed = make([]Placement, 0, ask.Count)
	for i, id := range ask.IDs {
		if c := p.ranking.first(p.stays); c != nil {
			placed = append(placed, p.place(c, id))
			p.ranking.moved(c)
			continue
		}
		c, chosen := p.preempt()
		if c == nil {
			return placed, p.survey.tally.failure(ask.Group, ask.Count-i, p.survey.idle)
		}
		p.evict(c, chosen, &p.survey.tally)
		placed = append(placed, p.place(c, id))
		p.ranking.enter(c)
	}
	return placed, nil
}

func (f *Fleet) newPlacing(ask *Ask) *placing {
	p := &placing{
		fleet: f, ask: ask, request: f.request(ask.Job, ask.Group),
		freed: f.freed(ask.Freed), claimed: f.claimed(ask.Job, ask.Group), penalty: map[string]bool{}, shown: map[scores]map[string]float64{},
	}
	for _, id := range ask.PenaltyNodes {
		p.penalty[id] = true
	}
	if ask.Node != "" {
		p.request.nodeRules = append(p.request.nodeRules, homeRule(ask.Node))
	}
	p.request.usage = ask.Policy.grants(p.request.usage)
	key := p.request.key
	p.group = &instanceCounts{}
	if id, ok := f.groups.table.lookup(key); ok {
		p.group = f.instances(p.freed, id)
	}
	job := f.instances(p.freed, f.groups.byJob[jobKey{key.namespace, key.job}]...)
	switch {
	case distinctHosts(ask.Job.Constraints):
		p.crowd = job
	case distinctHosts(ask.Group.Constraints):
		p.crowd = p.group
	}
	p.properties = append(
		f.distinctProperties(ask.Job.Constraints, p.request.region, job),
		f.distinctProperties(ask.Group.Constraints, p.request.region, p.group)...)
	return p
}

// rank makes candidates of the nodes that the group's rules allow.
func (p *placing) rank() {
	f := p.fleet
	b := newBuckets(f.spreads(p.ask.Job, p.ask.Group, p.request, p.group))
	candidates := slices.Grow(f.scratch.candidates[:0], len(f.nodes))
	p.survey = f.survey(p.request, func(slot int32, affinity float64) {
		c := p.candidate(slot)
		c.bucket = b.of(f.nodes[slot].facts)
		c.scores.affinity, c.scores.hasAffinity = affinity, p.request.affinities.any()
		c.preferred = c.id == p.ask.Preferred
		if p.penalty[c.id] {
			c.scores.penalty = -1
		}
		candidates = append(candidates, c)
	})
	f.scratch.candidates = candidates
	for i := range candidates {
		p.judge(&candidates[i], &p.survey.tally)
	}
	p.ranking = newRanking(candidates, b)
}

// candidate returns a node as it is before anything is placed.
func (p *placing) candidate(slot int32) candidate {
	n := p.fleet.nodes[slot]
	c := candidate{
		slot: slot, id: n.id, tie: p.ask.Policy.tie(n.hash, p.request.hash), empty: n.allocations == 0,
		free: n.room.Sub(n.used), asked: p.request.usage,
		places: n.places(0), instances: p.group.on(slot),
	}
	if freed := p.freed.nodes[slot]; freed != nil {
		c.free = c.free.Add(freed.usage)
		c.places, c.empty = n.places(freed.allocations), n.allocations == freed.allocations
	}
	if p.crowd != nil {
		c.mates = p.crowd.on(slot)
	}
	return c
}

// judge decides whether the candidate can take a further instance, and rescores it
// if so. If not, the tally says why.
func (p *placing) judge(c *candidate, t *tally) {
	n := p.fleet.nodes[c.slot]
	if why := p.crowded(c, n.facts); why != "" {
		c.out = true
		t.filter(n.facts, why)
		return
	}
	if c.short = p.exhausted(c); c.short != "" {
		c.out = true
		t.exhaust(n.facts, c.short)
		return
	}
	c.rescore(n.room, p.request.count, p.ask.Policy)
}

// exhausted says of what there is too little for an instance, or returns "".
func (p *placing) exhausted(c *candidate) string {
	if why := p.assign(c.slot, ""); why != "" {
		return why
	}
	if why := p.grant(c); why != "" {
		return why
	}
	if why := shortOf(c.free, c.asked); why != "" {
		return why
	}
	if c.places == 0 {
		return "max allocations"
	}
	return ""
}

// crowded says which rule about instances together excludes a node.
func (p *placing) crowded(c *candidate, facts *api.Node) string {
	if p.crowd != nil && c.mates > 0 {
		return api.OperandDistinctHosts
	}
	for _, property := range p.properties {
		if why := property.excludes(facts); why != "" {
			return why
		}
	}
	return p.refused(c)
}

// assign finds ports on a node for an allocation, or says what there is none of.
func (p *placing) assign(slot int32, allocID string) (exhausted string) {
	if len(p.request.ports) == 0 {
		return ""
	}
	p.offer.node, p.offer.freed = p.fleet.nodes[slot], nil
	if freed := p.freed.nodes[slot]; freed != nil {
		p.offer.freed = freed.ports
	}
	return p.offer.assign(p.request.ports, p.request.region, hashString(allocID))
}

// stays reports whether a candidate can still be chosen: an instance on another
// node may have used up what both have in common.
func (p *placing) stays(c *candidate) bool {
	if len(p.properties)+len(p.request.volumes) == 0 {
		return true
	}
	facts := p.fleet.nodes[c.slot].facts
	why := p.crowded(c, facts)
	if why != "" {
		p.survey.tally.filter(facts, why)
	}
	return why == ""
}

// place puts an instance on a candidate, takes its room and judges the candidate
// anew.
func (p *placing) place(c *candidate, allocID string) Placement {
	metrics := p.survey.tally.snapshot()
	metrics.ScoreMetaData = p.scoreMeta(c)
	placed := p.take(c, allocID)
	placed.Metrics = metrics
	p.ranking.buckets.place(p.fleet.nodes[c.slot].facts)
	p.judge(c, &p.survey.tally)
	return placed
}

// take enters an instance into the fleet.
func (p *placing) take(c *candidate, allocID string) Placement {
	f := p.fleet
	p.assign(c.slot, allocID)
	p.grant(c)
	placed := Placement{AllocID: allocID, NodeID: c.id, NodeName: f.nodes[c.slot].facts.Name, Usage: c.asked, Grants: p.granted(), claimed: p.claimed}
	var held []heldPort
	if len(p.request.ports) > 0 {
		placed.Ports = append(placed.Ports, p.offer.ports...)
		held = append(held, p.offer.held...)
	}
	placed.Preempted = slices.Clone(p.preempted[c.slot])
	key := keyOf(allocID)
	f.remove(key)
	f.put(key, c.slot, p.request.key, true, c.asked, held)
	f.hold(key, c.slot, holdingOf(&api.Allocation{Namespace: p.request.key.namespace, Grants: placed.Grants, Claims: placed.Claims()}))
	for _, property := range p.properties {
		property.place(f.nodes[c.slot].facts)
	}
	c.free = c.free.Sub(c.asked)
	c.instances++
	c.mates++
	c.empty = false
	if c.places > 0 {
		c.places--
	}
	return placed
}

// scoreMeta shows the score of the chosen candidate and, when few instances are
// placed, of the next best.
func (p *placing) scoreMeta(chosen *candidate) []*api.NodeScoreMeta {
	best := [shownScores]*candidate{chosen}
	shown := 1
	if p.ask.Count <= shownScoresUpTo {
		for i := range p.ranking.candidates {
			c := &p.ranking.candidates[i]
			if c.out || c == chosen {
				continue
			}
			at := shown
			for at > 1 && p.better(c, best[at-1]) {
				at--
			}
			if at < shownScores {
				shown = min(shown+1, shownScores)
				copy(best[at+1:shown], best[at:])
				best[at] = c
			}
		}
	}
	meta := make([]*api.NodeScoreMeta, shown)
	for i, c := range best[:shown] {
		meta[i] = p.meta(c, p.ranking.spread(c))
	}
	return meta
}

func (p *placing) better(a, b *candidate) bool {
	if a.preferred != b.preferred {
		return a.preferred
	}
	scoreA, scoreB := p.ranking.score(a), p.ranking.score(b)
	return scoreA > scoreB || scoreA == scoreB && compareTies(a, b) < 0
}

func (p *placing) meta(c *candidate, spread float64) *api.NodeScoreMeta {
	parts := c.scores
	parts.spread = spread
	named := p.shown[parts]
	if named == nil {
		named = parts.named()
		p.shown[parts] = named
	}
	return &api.NodeScoreMeta{NodeID: c.id, Scores: named, NormScore: mean(c.sum, c.parts, spread)}
}
