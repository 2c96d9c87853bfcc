package scheduler

import (
	"slices"
	"strings"

	"github.com/droverhq/drover/api"
)

// verdict is what a group's rules say of a class of nodes.
type verdict struct {
	decided              bool
	inPool, inDatacenter bool
	excluded             string
	affinity             float64
	available            int // nodes that are ready and eligible
}

// survey is a look at every node on behalf of a group.
type survey struct {
	tally tally
	// idle counts the nodes of the pool and datacenters that take nothing now, by why.
	idle map[string]int
}

// survey decides about every node and calls each for those that the group's rules
// allow, with the affinity of the node's class.
func (f *Fleet) survey(r *request, each func(slot int32, affinity float64)) survey {
	verdicts := slices.Grow(f.scratch.verdicts[:0], len(f.samples))[:len(f.samples)]
	clear(verdicts)
	f.scratch.verdicts = verdicts
	s := survey{}
	for slot, n := range f.nodes {
		if n == nil || n.facts == nil {
			continue
		}
		v := &verdicts[n.class]
		if !v.decided {
			f.judge(r, n.class, v)
		}
		if !v.inPool {
			continue
		}
		if why := n.idle(); why != "" {
			if v.inDatacenter {
				count(&s.idle, why)
			}
			continue
		}
		s.tally.metric.NodesInPool++
		if !v.inDatacenter {
			continue
		}
		v.available++
		s.tally.metric.NodesEvaluated++
		why := v.excluded
		if why == "" {
			why = firstExclusion(r.nodeRules, n.facts)
		}
		if why != "" {
			s.tally.filter(n.facts, why)
			continue
		}
		affinity := v.affinity
		if r.affinities.unique {
			affinity = r.affinities.score(n.facts)
		}
		each(int32(slot), affinity)
	}
	s.tally.metric.NodePool = r.pool
	s.tally.metric.NodesAvailable = f.available(r, verdicts)
	return s
}

// judge decides about a class of nodes, by any node of it.
func (f *Fleet) judge(r *request, class int32, v *verdict) {
	n := f.samples[class]
	v.decided = true
	v.inPool = r.inPool(n)
	v.inDatacenter = v.inPool && r.inDatacenter(n)
	if !v.inDatacenter {
		return
	}
	v.excluded = firstExclusion(r.classRules, n)
	if !r.affinities.unique {
		v.affinity = r.affinities.score(n)
	}
}

// available returns how many nodes each datacenter has for a group, with 0 for
// those that the job names in vain.
func (f *Fleet) available(r *request, verdicts []verdict) map[string]int {
	available := map[string]int{}
	for _, name := range r.datacenters {
		if !strings.Contains(name, "*") {
			available[name] = 0
		}
	}
	for class, v := range verdicts {
		if v.available > 0 {
			available[f.samples[class].Datacenter] += v.available
		}
	}
	return available
}

// ClassEligibility returns, by ComputedClass, whether nodes of the class could take
// an instance of any of the groups if they had room: it leaves out rules that nodes
// of one class may answer differently. Classes outside the job's node pool and
// datacenters are left out.
func (f *Fleet) ClassEligibility(job *api.Job, groups ...*api.TaskGroup) map[string]bool {
	eligible := map[string]bool{}
	for _, g := range groups {
		r := newRequest(job, g)
		for class, sample := range f.samples {
			if sample == nil || sample.ComputedClass == "" {
				continue
			}
			var v verdict
			f.judge(r, int32(class), &v)
			if v.inDatacenter {
				eligible[sample.ComputedClass] = eligible[sample.ComputedClass] || v.excluded == ""
			}
		}
	}
	return eligible
}

// Suits reports whether a group's rules allow a node, which may be without room,
// not ready or not eligible, and if not, why. A node that is not known does not suit.
func (f *Fleet) Suits(job *api.Job, g *api.TaskGroup, nodeID string) (ok bool, why string) {
	slot, known := f.slots[nodeID]
	if !known || f.nodes[slot].facts == nil {
		return false, "node is not known"
	}
	r, n := f.request(job, g), f.nodes[slot].facts
	if why = r.elsewhere(n); why == "" {
		why = r.excludes(n)
	}
	return why == "", why
}
