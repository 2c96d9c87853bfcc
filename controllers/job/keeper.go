package job

import (
	"hash/maphash"
	"sync"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
)

// defaultWholeBelow is how many instances a job has at least of which a roster is kept:
// reading fewer as a whole costs less than remembering.
const defaultWholeBelow = 100

// keeper keeps the rosters of the jobs that are large enough. It is told of all changes of
// allocations and of their statuses, in the order of the change feed, while passes over
// many jobs go on: its methods and those of its rosters may be called concurrently.
type keeper struct {
	wholeBelow int
	seed       maphash.Seed

	mu sync.Mutex // guards what is below, and all that is in the rosters
	of map[reconcile.Request]*roster
}

// newKeeper returns a keeper of no rosters. Of jobs of fewer than wholeBelow instances it
// will keep none; 0 stands for 100.
func newKeeper(wholeBelow int) *keeper {
	if wholeBelow <= 0 {
		wholeBelow = defaultWholeBelow
	}
	return &keeper{wholeBelow: wholeBelow, seed: maphash.MakeSeed(), of: make(map[reconcile.Request]*roster)}
}

// hash tells instances apart that ever hold the same slot. It is never 0.
func (k *keeper) hash(id string) uint64 { return maphash.String(k.seed, id) | 1 }

// clear forgets all jobs. What passes that go on have still to say is of no use then.
func (k *keeper) clear() {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.of)
}

// look begins a pass: from now on changes are noted that its snapshot, which has to be
// taken after this, may not have. There is one pass over a job at a time.
func (k *keeper) look(req reconcile.Request) *roster {
	k.mu.Lock()
	defer k.mu.Unlock()
	r := k.of[req]
	if r == nil {
		r = &roster{keeper: k, req: req}
		k.of[req] = r
	}
	if !r.ready {
		r.open = make(map[string]bool)
	}
	for id := range r.open {
		r.open[id] = false
	}
	return r
}

// jobGone forgets a job that was purged.
func (k *keeper) jobGone(req reconcile.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.of, req)
}

// statusChanged follows what a node agent says of an allocation.
func (k *keeper) statusChanged(snap store.Snapshot, s *api.AllocationStatus) {
	k.mu.Lock()
	defer k.mu.Unlock()
	r := k.of[reconcile.Request{Namespace: s.Namespace, ID: s.JobID}]
	if r == nil {
		return
	}
	if a, ok := store.Get[*api.Allocation](snap, allocationKey(s.ID)); ok {
		r.follow(snap, a)
	}
}

// allocationChanged follows a change of an allocation, which is given as it was or as it is.
func (k *keeper) allocationChanged(snap store.Snapshot, a *api.Allocation) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if r := k.of[reconcile.Request{Namespace: a.Namespace, ID: a.JobID}]; r != nil {
		r.follow(snap, a)
	}
}
