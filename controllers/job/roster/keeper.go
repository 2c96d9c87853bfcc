package roster

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

// Keeper keeps the rosters of the jobs that are large enough. It is told of all changes of
// allocations and of their statuses, in the order of the change feed and under its Guard,
// while passes over many jobs go on: its other methods and those of its rosters may be called
// concurrently.
type Keeper struct {
	wholeBelow int
	seed       maphash.Seed

	mu sync.Mutex // guards what is below, and all that is in the rosters
	of map[reconcile.Request]*Roster
}

// NewKeeper returns a keeper of no rosters. Of jobs of fewer than wholeBelow instances it
// will keep none; 0 stands for 100.
func NewKeeper(wholeBelow int) *Keeper {
	if wholeBelow <= 0 {
		wholeBelow = defaultWholeBelow
	}
	return &Keeper{wholeBelow: wholeBelow, seed: maphash.MakeSeed(), of: make(map[reconcile.Request]*Roster)}
}

// Guard is what the caller of the methods that follow the feed holds: JobGone, StatusChanged
// and AllocationChanged.
func (k *Keeper) Guard() sync.Locker { return &k.mu }

// hash tells instances apart that ever hold the same slot. It is never 0.
func (k *Keeper) hash(id string) uint64 { return maphash.String(k.seed, id) | 1 }

// Clear forgets all jobs, when a term begins or a part of the feed was missed. What passes
// that go on have still to say is of no use then.
func (k *Keeper) Clear() {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.of)
}

// Look begins a pass over a job: from now on changes are noted that its snapshot, which has
// to be taken after this, may not have. There is one pass over a job at a time.
func (k *Keeper) Look(req reconcile.Request) *Roster {
	k.mu.Lock()
	defer k.mu.Unlock()
	r := k.of[req]
	if r == nil {
		r = &Roster{keeper: k, req: req}
		k.of[req] = r
	}
	r.dated = false
	if !r.ready {
		r.open = make(map[string]bool)
	}
	for id := range r.open {
		r.open[id] = false
	}
	return r
}

// JobGone forgets a job that was purged.
func (k *Keeper) JobGone(req reconcile.Request) {
	delete(k.of, req)
}

// StatusChanged follows what a node agent says of an allocation. snap is as new as the
// change, or newer.
func (k *Keeper) StatusChanged(snap store.Snapshot, s *api.AllocationStatus) {
	r := k.of[reconcile.Request{Namespace: s.Namespace, ID: s.JobID}]
	if r == nil {
		return
	}
	if _, open := r.open[s.ID]; open { // so it is settled nowhere
		r.open[s.ID] = true
		return
	}
	if a, ok := store.Get[*api.Allocation](snap, api.AllocationKey(s.ID)); ok {
		r.follow(snap, a, a)
	}
}

// AllocationChanged follows a change of an allocation: a is as it was before the change or
// after it, and now as the snapshot has it, nil if it is gone. snap is as new as the change,
// or newer.
func (k *Keeper) AllocationChanged(snap store.Snapshot, a, now *api.Allocation) {
	if r := k.of[reconcile.Request{Namespace: a.Namespace, ID: a.JobID}]; r != nil {
		r.follow(snap, a, now)
	}
}
