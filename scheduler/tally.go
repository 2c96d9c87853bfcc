package scheduler

import (
	"maps"

	"github.com/droverhq/drover/api"
)

// tally counts what happened to nodes while a group was placed. The maps of the
// metrics that it gives out are shared between them until a count changes.
type tally struct {
	metric api.AllocationMetric
	shared bool
}

// filter counts a node that a rule excluded.
func (t *tally) filter(n *api.Node, why string) {
	t.own()
	t.metric.NodesFiltered++
	count(&t.metric.ConstraintFiltered, why)
	if n.NodeClass != "" {
		count(&t.metric.ClassFiltered, n.NodeClass)
	}
}

// exhaust counts a node that does not have enough of something left.
func (t *tally) exhaust(n *api.Node, dimension string) {
	t.own()
	t.metric.NodesExhausted++
	count(&t.metric.DimensionExhausted, dimension)
	if n.NodeClass != "" {
		count(&t.metric.ClassExhausted, n.NodeClass)
	}
}

// relent takes back that a node does not have enough of something.
func (t *tally) relent(n *api.Node, dimension string) {
	t.own()
	t.metric.NodesExhausted--
	discount(t.metric.DimensionExhausted, dimension)
	if n.NodeClass != "" {
		discount(t.metric.ClassExhausted, n.NodeClass)
	}
}

// snapshot returns the counts as they are now.
func (t *tally) snapshot() *api.AllocationMetric {
	t.shared = true
	m := t.metric
	return &m
}

func (t *tally) own() {
	if !t.shared {
		return
	}
	t.shared = false
	m := &t.metric
	for _, counts := range []*map[string]int{&m.ConstraintFiltered, &m.ClassFiltered, &m.DimensionExhausted, &m.ClassExhausted} {
		*counts = maps.Clone(*counts)
	}
}

func count(counts *map[string]int, key string) {
	if *counts == nil {
		*counts = map[string]int{}
	}
	(*counts)[key]++
}

func discount(counts map[string]int, key string) {
	if counts[key]--; counts[key] == 0 {
		delete(counts, key)
	}
}

// failure explains why the given number of instances of a group found no node.
func (t *tally) failure(g *api.TaskGroup, instances int, idle map[string]int) *api.AllocationMetric {
	m := t.snapshot()
	m.ScoreMetaData = nil
	m.CoalescedFailures = instances - 1
	if len(idle) > 0 {
		m.ConstraintFiltered = maps.Clone(m.ConstraintFiltered)
		if m.ConstraintFiltered == nil {
			m.ConstraintFiltered = map[string]int{}
		}
		for why, nodes := range idle {
			m.ConstraintFiltered[why] += nodes
		}
	}
	m.ResourcesExhausted = exhausted(g, m.DimensionExhausted, instances)
	return m
}

// exhausted returns what each task of the instances asked for of the resources
// that were exhausted.
func exhausted(g *api.TaskGroup, dimensions map[string]int, instances int) map[string]*api.Resources {
	out := map[string]*api.Resources{}
	for _, t := range g.Tasks {
		if t.Resources == nil {
			continue
		}
		asked := func(amount *int, of ...string) *int {
			for _, dimension := range of {
				if dimensions[dimension] > 0 {
					return new(api.Deref(amount) * instances)
				}
			}
			return new(int)
		}
		r := &api.Resources{
			CPU:      asked(t.Resources.CPU, "cpu"),
			Cores:    asked(t.Resources.Cores, exhaustedCores, exhaustedNUMA, "cpu"), // they are MHz as well
			MemoryMB: asked(t.Resources.MemoryMB, "memory"),
		}
		if *r.CPU+*r.Cores+*r.MemoryMB > 0 {
			out[t.Name] = r
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
