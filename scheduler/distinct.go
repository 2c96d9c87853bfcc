package scheduler

import (
	"fmt"
	"strconv"

	"github.com/droverhq/drover/api"
)

// instanceCounts is how many instances of a group, or of a whole job, are on each node.
type instanceCounts struct {
	perNode []map[int32]int32 // by slot, one map for each group
	freed   map[int32]int     // by slot: those that stop in the same transaction
}

func (c *instanceCounts) on(slot int32) int {
	count := -c.freed[slot]
	for _, perNode := range c.perNode {
		count += int(perNode[slot])
	}
	return count
}

// each calls visit for every node with instances.
func (c *instanceCounts) each(visit func(slot int32, instances int)) {
	for _, perNode := range c.perNode {
		for slot, instances := range perNode {
			visit(slot, int(instances))
		}
	}
	for slot, instances := range c.freed {
		visit(slot, -instances)
	}
}

// distinctHosts reports whether constraints want instances on nodes of their own.
// A value that is no truth value counts as true.
func distinctHosts(constraints []*api.Constraint) bool {
	for _, c := range constraints {
		if c.Operand == api.OperandDistinctHosts {
			wanted, err := strconv.ParseBool(c.RTarget)
			return wanted || err != nil
		}
	}
	return false
}

// distinctProperty allows at most limit instances for each value of a property.
type distinctProperty struct {
	name     string
	property target
	region   string
	limit    int
	used     map[string]int
	invalid  string
}

// distinctProperties returns the rules of that kind and counts the instances that
// there are.
func (f *Fleet) distinctProperties(constraints []*api.Constraint, region string, counts *instanceCounts) []*distinctProperty {
	var out []*distinctProperty
	for _, c := range constraints {
		if c.Operand != api.OperandDistinctProperty {
			continue
		}
		p := &distinctProperty{name: c.LTarget, property: parseTarget(c.LTarget), region: region, limit: 1}
		if c.RTarget != "" {
			limit, err := strconv.ParseUint(c.RTarget, 10, 31)
			if err != nil {
				p.invalid = fmt.Sprintf("distinct_property: %q is not a number", c.RTarget)
			}
			p.limit = int(limit)
		}
		p.used = f.countValues(counts, func(n *api.Node) (string, bool) { return p.property.of(n, region) })
		out = append(out, p)
	}
	return out
}

// countValues returns how many instances are on nodes of each value of something.
func (f *Fleet) countValues(counts *instanceCounts, valueOf func(*api.Node) (string, bool)) map[string]int {
	used := map[string]int{}
	counts.each(func(slot int32, instances int) {
		if n := f.nodes[slot]; n.facts != nil {
			if value, found := valueOf(n.facts); found {
				used[value] += instances
			}
		}
	})
	return used
}

// excludes says why a node can't take one more instance, or returns "".
func (p *distinctProperty) excludes(n *api.Node) string {
	if p.invalid != "" {
		return p.invalid
	}
	value, found := p.property.of(n, p.region)
	switch {
	case !found:
		return fmt.Sprintf("missing property %q", p.name)
	case p.used[value] < p.limit:
		return ""
	}
	return fmt.Sprintf("distinct_property: %s=%s used by %d allocs", p.name, value, p.used[value])
}

// place counts an instance on a node.
func (p *distinctProperty) place(n *api.Node) {
	if value, found := p.property.of(n, p.region); found {
		p.used[value]++
	}
}
