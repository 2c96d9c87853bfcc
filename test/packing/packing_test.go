package packing

import (
	"slices"
	"testing"
)

// limit is how many times as many nodes as the best heuristic the scheduler may use.
const limit = 1.02

func TestFewNodesAreUsed(t *testing.T) {
	if testing.Short() {
		t.Skip("takes tens of seconds")
	}
	c := Compare(Seeds(), Rounds)
	t.Logf("\n%v", c)
	for _, name := range []string{Drovers, Singles} {
		if got, best := c.Mean(name), c.Best(); got > limit*best {
			t.Errorf("%s uses %.2f nodes on average, the best heuristic %.2f", name, got, best)
		}
	}
}

func TestTheSameSeedMakesTheSameWorkload(t *testing.T) {
	a, b, other := Generate(1, 5), Generate(1, 5), Generate(2, 5)
	for r := range a.Rounds {
		if !slices.Equal(a.Rounds[r], b.Rounds[r]) || slices.Equal(a.Rounds[r], other.Rounds[r]) {
			t.Errorf("round %d: %v, %v and %v", r, a.Rounds[r], b.Rounds[r], other.Rounds[r])
		}
	}
}
