package main

import (
	"context"
	"fmt"
	"os"

	"github.com/droverhq/drover/test/packing"
)

// measurePacking compares how many nodes are used with what heuristics need.
func measurePacking(_ context.Context, b *bench) error {
	c := packing.Compare(packing.Seeds(), packing.Rounds)
	fmt.Fprintln(os.Stderr, c)
	best := c.Best()
	b.add("nodes used, mean of seeds", c.Mean(packing.Drovers), budget{unit: "nodes", reference: best, must: 1.02 * best, aims: best})
	return nil
}
