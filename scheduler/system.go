package scheduler

import (
	"fmt"
	"slices"

	"github.com/droverhq/drover/api"
)

// FeasibleNodes returns the nodes, by ID, that should run an instance of a group
// of a system job: those of the job's node pool and datacenters that are ready and
// eligible and that the group's rules allow, whether they have room or not. why
// counts them and explains, rule by rule, what excluded the others.
func (f *Fleet) FeasibleNodes(job *api.Job, g *api.TaskGroup) (ids []string, why *api.AllocationMetric) {
	s := f.survey(f.request(job, g), func(slot int32, _ float64) { ids = append(ids, f.nodes[slot].id) })
	slices.Sort(ids)
	why = s.tally.failure(g, 1, s.idle)
	return ids, why
}

// PlaceOn places one instance on each of the named nodes and takes its room at
// once: ask.IDs[i] goes to nodeIDs[i], and ask.Count and ask.PenaltyNodes do not
// count. The failure is nil if all were placed, otherwise it explains the others.
//
// No node may be named twice. It panics if ask.IDs and nodeIDs are not of one length.
func (f *Fleet) PlaceOn(ask Ask, nodeIDs []string) (placed []Placement, failure *api.AllocationMetric) {
	if len(ask.IDs) != len(nodeIDs) {
		panic(fmt.Sprintf("scheduler: %d allocation IDs for %d nodes", len(ask.IDs), len(nodeIDs)))
	}
	p := f.newPlacing(&ask)
	p.survey = f.survey(p.request, func(int32, float64) {})
	base := p.survey.tally.metric
	base.NodesEvaluated, base.NodesFiltered, base.ConstraintFiltered, base.ClassFiltered = 0, 0, nil, nil
	missed, idle := tally{metric: base}, map[string]int{}
	chosen := base
	chosen.NodesEvaluated = 1
	for i, id := range nodeIDs {
		slot, known := f.slots[id]
		if why := p.unavailable(slot, known); why != "" {
			idle[why]++
			continue
		}
		missed.metric.NodesEvaluated++
		if why := p.request.excludes(f.nodes[slot].facts); why != "" {
			missed.filter(f.nodes[slot].facts, why)
			continue
		}
		c := p.candidate(slot)
		c.scores.packOnly = true
		if p.judge(&c, &missed); c.out && !p.preemptOn(&c, &missed) {
			continue
		}
		metrics := chosen
		metrics.ScoreMetaData = []*api.NodeScoreMeta{p.meta(&c, 0)}
		placement := p.take(&c, ask.IDs[i])
		placement.Metrics = &metrics
		placed = append(placed, placement)
	}
	if missing := len(nodeIDs) - len(placed); missing > 0 {
		failure = missed.failure(ask.Group, missing, idle)
	}
	return placed, failure
}

// preemptOn makes room on a candidate that is out, and reports whether it could.
func (p *placing) preemptOn(c *candidate, t *tally) bool {
	if p.roomByEviction(c) == 0 {
		return false
	}
	p.evict(c, p.hunt(c.slot).choice, t)
	return true
}

// unavailable says why nothing of the job goes to a node, whatever its groups' rules.
func (p *placing) unavailable(slot int32, known bool) string {
	if !known || p.fleet.nodes[slot].facts == nil {
		return "node is not known"
	}
	if why := p.fleet.nodes[slot].idle(); why != "" {
		return why
	}
	return p.request.elsewhere(p.fleet.nodes[slot].facts)
}
