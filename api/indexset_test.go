package api_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/droverhq/drover/api"
)

func TestAnIndexSetIsTheSetOfItsNumbers(t *testing.T) {
	const limit = 40
	rapid.Check(t, func(rt *rapid.T) {
		var set api.IndexSet
		want := make(map[int]bool)
		for range rapid.IntRange(0, 8).Draw(rt, "steps") {
			numbers := rapid.SliceOfN(rapid.IntRange(0, limit-1), 0, 10).Draw(rt, "numbers")
			add := rapid.Bool().Draw(rt, "add")
			if add {
				set = set.Union(api.IndexSet("").With(numbers...))
			} else {
				set = set.Without(numbers...)
			}
			for _, n := range numbers {
				if want[n] = add; !add {
					delete(want, n)
				}
			}
		}
		var missing []int
		for n := range limit {
			if set.Has(n) != want[n] {
				rt.Fatalf("%q has %d: %v", set, n, set.Has(n))
			}
			if !want[n] {
				missing = append(missing, n)
			}
		}
		if got := slices.Collect(set.Missing(limit)); !slices.Equal(got, missing) || set.Len() != len(want) {
			rt.Fatalf("%q has %d numbers, not %v; want %d, not %v", set, set.Len(), got, len(want), missing)
		}
	})
}

func TestAnIndexSetIsWrittenAsRanges(t *testing.T) {
	for want, numbers := range map[api.IndexSet][]int{
		"":            nil,
		"7":           {7, 7},
		"0-2,4,10-11": {4, 11, 2, 0, 10, 1},
	} {
		if got := api.IndexSet("").With(numbers...); got != want {
			t.Errorf("%v: %q, want %q", numbers, got, want)
		}
	}
	for _, broken := range []api.IndexSet{"x", "3-1", "-", "5,4"} {
		if n := broken.Len(); n > 1 {
			t.Errorf("%q has %d numbers", broken, n)
		}
	}
}
