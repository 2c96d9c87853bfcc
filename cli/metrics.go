package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/droverhq/drover/api"
)

// failureText says, group by group, why instances could not be placed. counted adds
// how many.
func failureText(failed map[string]*api.AllocationMetric, indent string, counted bool) string {
	var b strings.Builder
	for _, group := range slices.Sorted(maps.Keys(failed)) {
		m := failed[group]
		count := ""
		if n := m.CoalescedFailures + 1; counted && n > 1 {
			count = fmt.Sprintf(" (failed to place %d allocations)", n)
		} else if counted {
			count = " (failed to place 1 allocation)"
		}
		fmt.Fprintf(&b, "%sTask Group %q%s:\n", indent, group, count)
		for _, line := range metricLines(m) {
			fmt.Fprintf(&b, "%s  * %s\n", indent, line)
		}
	}
	return b.String()
}

// metricLines says what ruled out which number of nodes.
func metricLines(m *api.AllocationMetric) []string {
	var lines []string
	if m.Gang != "" {
		lines = append(lines, "Nothing is placed until all finds room: "+m.Gang)
	}
	if m.NodesEvaluated == 0 {
		lines = append(lines, "No nodes were eligible for evaluation")
	}
	for _, dc := range slices.Sorted(maps.Keys(m.NodesAvailable)) {
		if m.NodesAvailable[dc] == 0 {
			lines = append(lines, fmt.Sprintf("No nodes are available in datacenter %q", dc))
		}
	}
	add := func(counts map[string]int, format string) {
		for _, name := range slices.Sorted(maps.Keys(counts)) {
			lines = append(lines, fmt.Sprintf(format, name, counts[name]))
		}
	}
	add(m.ClassFiltered, "Class %q: %d nodes excluded by filter")
	add(m.ConstraintFiltered, "Constraint %q: %d nodes excluded by filter")
	if m.NodesExhausted > 0 {
		lines = append(lines, fmt.Sprintf("Resources exhausted on %d nodes", m.NodesExhausted))
	}
	add(m.ClassExhausted, "Class %q exhausted on %d nodes")
	add(m.DimensionExhausted, "Dimension %q exhausted on %d nodes")
	for _, q := range m.QuotaExhausted {
		lines = append(lines, fmt.Sprintf("Quota limit hit %q", q))
	}
	return lines
}
