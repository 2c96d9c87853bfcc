package main

import (
	"fmt"
	"strings"
)

// budget is what a figure must be, and should be. Of a rate more is better, of
// everything else less.
type budget struct {
	unit                  string
	reference, must, aims float64
	rate                  bool
	required              bool // a miss of must fails the run
}

// result is one measured row of the table.
type result struct {
	what string
	got  float64
	budget
}

func (r result) meets(limit float64) bool {
	if r.rate {
		return r.got >= limit
	}
	return r.got <= limit
}

func (r result) verdict() string {
	switch {
	case r.meets(r.aims):
		return "aim met"
	case r.meets(r.must):
		return "ok"
	}
	return "MISSED"
}

func missed(results []result) bool {
	for _, r := range results {
		if r.required && !r.meets(r.must) {
			return true
		}
	}
	return false
}

func (b *bench) add(what string, got float64, limits budget) {
	b.results = append(b.results, result{what, got, limits})
}

func report(results []result) string {
	lines := [][]string{{"what", "measured", "must", "aims", "reference", ""}}
	for _, r := range results {
		lines = append(lines, []string{r.what, figure(r.got, r.unit), figure(r.must, r.unit), figure(r.aims, r.unit), figure(r.reference, r.unit), r.verdict()})
	}
	widths := make([]int, len(lines[0]))
	for _, l := range lines {
		for i, cell := range l {
			widths[i] = max(widths[i], len(cell))
		}
	}
	var b strings.Builder
	for _, l := range lines {
		b.WriteString("|")
		for i, cell := range l {
			fmt.Fprintf(&b, " %-*s |", widths[i], cell)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func figure(v float64, unit string) string {
	switch {
	case v == 0:
		return "-"
	case v >= 1000:
		return fmt.Sprintf("%.0f %s", v, unit)
	case v >= 10:
		return fmt.Sprintf("%.1f %s", v, unit)
	}
	return fmt.Sprintf("%.3f %s", v, unit)
}
