package api

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// IndexProgress is how far the indexed group of a job has got. It is kept apart from
// the allocations, which are removed when they are old. drover's own.
type IndexProgress struct {
	JobVersion  uint64 // a new version begins anew
	Completions int
	Completed   IndexSet // completed once
	Failed      IndexSet // failed for good
}

// Done is how many indexes nothing is to be run for any more.
func (p *IndexProgress) Done() int { return p.Completed.Len() + p.Failed.Len() }

// String says how far it has got: 37/100, 2 failed (5,17).
func (p *IndexProgress) String() string {
	text := fmt.Sprintf("%d/%d", p.Completed.Len(), p.Completions)
	if n := p.Failed.Len(); n > 0 {
		text += fmt.Sprintf(", %d failed (%s)", n, p.Failed)
	}
	return text
}

// IndexSet is a set of numbers, written as ascending ranges with commas: 0-36,40. It
// takes the room of its gaps. What is not of that form stands for the empty set.
type IndexSet string

// Len is how many numbers are in the set.
func (s IndexSet) Len() int {
	n := 0
	for r := range s.ranges() {
		n += r.last - r.first + 1
	}
	return n
}

// Has reports whether a number is in the set.
func (s IndexSet) Has(n int) bool {
	for r := range s.ranges() {
		if n <= r.last {
			return n >= r.first
		}
	}
	return false
}

// With returns the set and further numbers.
func (s IndexSet) With(numbers ...int) IndexSet {
	if len(numbers) == 0 {
		return s
	}
	all := slices.Collect(s.ranges())
	for _, n := range numbers {
		all = append(all, indexRange{n, n})
	}
	return joinRanges(all)
}

// Union returns the numbers that are in either set.
func (s IndexSet) Union(other IndexSet) IndexSet {
	switch {
	case s == "":
		return other
	case other == "":
		return s
	}
	return joinRanges(slices.AppendSeq(slices.Collect(s.ranges()), other.ranges()))
}

// Without returns the set without some numbers.
func (s IndexSet) Without(numbers ...int) IndexSet {
	if len(numbers) == 0 {
		return s
	}
	gone := slices.Clone(numbers)
	slices.Sort(gone)
	var left []indexRange
	for r := range s.ranges() {
		for len(gone) > 0 && gone[0] <= r.last {
			if n := gone[0]; n >= r.first {
				left = append(left, indexRange{r.first, n - 1})
				r.first = n + 1
			}
			gone = gone[1:]
		}
		left = append(left, r)
	}
	return joinRanges(left)
}

// Missing yields the numbers from 0 to below limit that are not in the set, in order.
func (s IndexSet) Missing(limit int) iter.Seq[int] {
	return func(yield func(int) bool) {
		next := 0
		for r := range s.ranges() {
			for ; next < min(r.first, limit); next++ {
				if !yield(next) {
					return
				}
			}
			next = r.last + 1
		}
		for ; next < limit; next++ {
			if !yield(next) {
				return
			}
		}
	}
}

// indexRange is the numbers from first to last; none if last is less.
type indexRange struct{ first, last int }

// ranges yields the ranges of the set, and nothing after what is not of its form.
func (s IndexSet) ranges() iter.Seq[indexRange] {
	return func(yield func(indexRange) bool) {
		rest, more := string(s), s != ""
		last := -1
		for more {
			var part string
			part, rest, more = strings.Cut(rest, ",")
			from, to, isRange := strings.Cut(part, "-")
			if !isRange {
				to = from
			}
			first, err := strconv.Atoi(from)
			if err != nil || first <= last {
				return
			}
			if last, err = strconv.Atoi(to); err != nil || last < first || !yield(indexRange{first, last}) {
				return
			}
		}
	}
}

// joinRanges writes ranges down; they may come in any order and overlap.
func joinRanges(all []indexRange) IndexSet {
	slices.SortFunc(all, func(a, b indexRange) int { return a.first - b.first })
	var b strings.Builder
	write := func(r indexRange) {
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(r.first))
		if r.last > r.first {
			b.WriteByte('-')
			b.WriteString(strconv.Itoa(r.last))
		}
	}
	var open indexRange
	begun := false
	for _, r := range all {
		switch {
		case r.last < r.first:
		case !begun:
			open, begun = r, true
		case r.first <= open.last+1:
			open.last = max(open.last, r.last)
		default:
			write(open)
			open = r
		}
	}
	if begun {
		write(open)
	}
	return IndexSet(b.String())
}
