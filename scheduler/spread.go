package scheduler

import (
	"strings"

	"github.com/droverhq/drover/api"
)

// otherValues stands for all values of a spread's attribute that are no targets.
const otherValues = "*"

// spread wants instances to be spread over the values of an attribute: by the
// shares of its targets, or evenly if it has none.
type spread struct {
	attribute target
	region    string
	share     float64            // of this spread's weight in that of all
	desired   map[string]float64 // instances by value; empty: the same for all
	targets   map[string]bool
	used      map[string]int
	// fewest and most instances of a value that has any.
	fewest, most int
}

// spreads returns the group's and the job's spreads, with the instances that there
// are counted.
func (f *Fleet) spreads(job *api.Job, g *api.TaskGroup, r *request, counts *instanceCounts) []*spread {
	blocks := append(g.Spreads[:len(g.Spreads):len(g.Spreads)], job.Spreads...)
	sum := 0.0
	for _, block := range blocks {
		sum += weightOf(block)
	}
	spreads := make([]*spread, 0, len(blocks))
	for _, block := range blocks {
		s := &spread{
			attribute: parseTarget(block.Attribute), region: r.region, share: weightOf(block) / sum,
			desired: map[string]float64{}, targets: map[string]bool{},
		}
		left := float64(r.count)
		for _, t := range block.SpreadTarget {
			s.targets[t.Value] = true
			s.desired[t.Value] = float64(t.Percent) / 100 * float64(r.count)
			left -= s.desired[t.Value]
		}
		if left > 0 && left < float64(r.count) {
			s.desired[otherValues] = left
		}
		s.used = f.countValues(counts, s.value)
		s.recount()
		spreads = append(spreads, s)
	}
	return spreads
}

// defaultSpreadWeight is the weight of a spread that names none.
const defaultSpreadWeight = 50

func weightOf(s *api.Spread) float64 {
	if weight := api.Deref(s.Weight); weight > 0 {
		return float64(weight)
	}
	return defaultSpreadWeight
}

// value returns the value of the attribute on a node, with otherValues for those
// that are no targets.
func (s *spread) value(n *api.Node) (value string, found bool) {
	value, found = s.attribute.of(n, s.region)
	if found && len(s.targets) > 0 && !s.targets[value] {
		value = otherValues
	}
	return value, found
}

// place counts an instance on a node.
func (s *spread) place(n *api.Node) {
	if value, found := s.value(n); found {
		s.used[value]++
		s.recount()
	}
}

func (s *spread) recount() {
	s.fewest, s.most = 0, 0
	for _, used := range s.used {
		if used > 0 && (s.fewest == 0 || used < s.fewest) {
			s.fewest = used
		}
		s.most = max(s.most, used)
	}
}

// score says how much a further instance on nodes of a value is wanted.
func (s *spread) score(value string, found bool) float64 {
	if !found {
		return -1
	}
	if len(s.desired) == 0 {
		return evenness(s.used[value], s.fewest, s.most)
	}
	desired := s.desired[value]
	if desired == 0 {
		return -1
	}
	return (desired - float64(s.used[value]+1)) / desired * s.share
}

// evenness says how much a further instance on a value is wanted that has used
// ones, where other values have between fewest and most.
func evenness(used, fewest, most int) float64 {
	switch {
	case most == 0:
		return 0 // nothing is placed yet
	case used != fewest:
		return float64(fewest-used) / float64(fewest)
	case fewest == most:
		return -1
	}
	return float64(most-fewest) / float64(fewest)
}

// bucket is nodes that all spreads see alike.
type bucket struct {
	values []string
	found  []bool
	score  float64
}

// buckets sorts nodes by how spreads see them.
type buckets struct {
	spreads []*spread
	list    []bucket
	index   map[string]int
}

func newBuckets(spreads []*spread) buckets {
	b := buckets{spreads: spreads, index: map[string]int{}}
	if len(spreads) == 0 {
		b.list = []bucket{{}}
	}
	return b
}

// of returns the number of a node's bucket.
func (b *buckets) of(n *api.Node) int {
	if len(b.spreads) == 0 {
		return 0
	}
	var key strings.Builder
	var found bucket
	for _, s := range b.spreads {
		value, ok := s.value(n)
		found.values, found.found = append(found.values, value), append(found.found, ok)
		key.WriteString(value)
		if !ok {
			key.WriteByte(1)
		}
		key.WriteByte(0)
	}
	i, ok := b.index[key.String()]
	if !ok {
		i = len(b.list)
		b.index[key.String()] = i
		b.list = append(b.list, found)
	}
	return i
}

// place counts an instance on a node.
func (b *buckets) place(n *api.Node) {
	for _, s := range b.spreads {
		s.place(n)
	}
	b.rescore()
}

func (b *buckets) rescore() {
	for i := range b.list {
		found := &b.list[i]
		found.score = 0
		for j, s := range b.spreads {
			found.score += s.score(found.values[j], found.found[j])
		}
	}
}
