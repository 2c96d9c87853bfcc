package main

import (
	"math"
	"runtime"
	"testing"
)

func TestALargeHeapGrowsByASmallerPart(t *testing.T) {
	const mb = 1 << 20
	before := math.MaxInt
	for _, live := range []uint64{0, 20 * mb, 64 * mb, 100 * mb, 128 * mb, 200 * mb, 2000 * mb} {
		p := gcPercent(live)
		if p > before || p < gcLeast {
			t.Errorf("%d MB may grow by %d %%, less by %d %%", live/mb, p, before)
		}
		if slack := live * uint64(p) / 100; live >= 4*mb && p > gcLeast && (slack > gcSlack || slack < gcSlack-live/100) {
			t.Errorf("%d MB may grow by %d MB", live/mb, slack/mb)
		}
		before = p
	}
}

func TestEachCollectionIsNoticed(t *testing.T) {
	ran := make(chan struct{}, 100)
	afterEachCollection(func() {
		select {
		case ran <- struct{}{}:
		default:
		}
	})
	for range 4 { // the first at once
		<-ran
		runtime.GC()
	}
}
