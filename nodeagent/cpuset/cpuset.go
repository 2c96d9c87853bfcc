// Package cpuset reads and writes sets of CPU cores as the kernel does: 0-3,8.
package cpuset

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Format writes a set of cores. An empty one is empty.
func Format(cores []uint16) string {
	sorted := slices.Sorted(slices.Values(cores))
	var parts []string
	for i := 0; i < len(sorted); {
		j := i
		for j+1 < len(sorted) && sorted[j+1] == sorted[j]+1 {
			j++
		}
		part := strconv.Itoa(int(sorted[i]))
		if j > i {
			part += "-" + strconv.Itoa(int(sorted[j]))
		}
		parts = append(parts, part)
		i = j + 1
	}
	return strings.Join(parts, ",")
}

// Parse is the inverse of Format. White space around the set does not matter.
func Parse(s string) ([]uint16, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return nil, nil
	}
	var out []uint16
	for part := range strings.SplitSeq(s, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err := strconv.ParseUint(first, 10, 16)
		if err != nil {
			return nil, fmt.Errorf("set of cores %q: %w", s, err)
		}
		to, err := strconv.ParseUint(last, 10, 16)
		if err != nil {
			return nil, fmt.Errorf("set of cores %q: %w", s, err)
		}
		for id := from; id <= to; id++ {
			out = append(out, uint16(id))
		}
	}
	return out, nil
}
