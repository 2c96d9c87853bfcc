package scheduler

import (
	"slices"

	"github.com/droverhq/drover/api"
)

// holding is what an allocation has of a node to itself, beside amounts and ports.
// Most have nothing of the kind. It is never written to again, so that clones share it.
type holding struct {
	cores []uint16
}

func holdingOf(grants []api.TaskGrant) holding {
	var h holding
	for i := range grants {
		h.cores = append(h.cores, grants[i].Cores...)
	}
	slices.Sort(h.cores)
	return h
}

func (h holding) none() bool { return len(h.cores) == 0 }

func (h holding) equal(other holding) bool { return slices.Equal(h.cores, other.cores) }

// hold notes what an allocation, whose entry has just been put, has to itself.
func (f *Fleet) hold(key allocationKey, slot int32, h holding) {
	if h.none() {
		return
	}
	shard := f.ownShard(key)
	if shard.holdings == nil {
		shard.holdings = map[allocationKey]holding{}
	}
	shard.holdings[key] = h
	f.own(slot).processors.hold(h.cores)
}

// letGo is the inverse of hold. It does nothing if the allocation has nothing to itself.
func (f *Fleet) letGo(key allocationKey, slot int32) {
	h := f.holding(key)
	if h.none() {
		return
	}
	delete(f.ownShard(key).holdings, key)
	f.own(slot).processors.letGo(h.cores)
}

// holding returns what an allocation has to itself.
func (f *Fleet) holding(key allocationKey) holding {
	shard := f.ledger[key.shard()]
	if shard == nil {
		return holding{}
	}
	return shard.holdings[key]
}
