package job

import (
	"sync"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/job/room"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
)

// Live is the fleet that the controller of this process places on while it leads. A dry
// run takes a copy of it, which costs what is of the order of the number of nodes, where
// making a fleet from a snapshot reads every allocation that there is. The zero value
// knows of no controller, and has every dry run make its own.
//
// Live is a moment behind a snapshot, or ahead of it by what is being committed: good
// enough to say what would happen, and no worse than what happens between a dry run and
// the registration.
type Live struct {
	mu    sync.Mutex // guards the rest
	fleet *room.Fleet
	term  uint64        // of leadership that the fleet was made for
	leads func() uint64 // the term that this server leads in; 0: it does not
}

// attach notes whose fleet this is.
func (l *Live) attach(m *reconcile.Manager, f *room.Fleet) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fleet, l.leads = f, m.Term
}

// begin notes that the fleet was made from a snapshot of a term.
func (l *Live) begin(snap store.Snapshot) {
	held, ok := store.Get[*api.Leadership](snap, api.LeadershipKey)
	l.mu.Lock()
	defer l.mu.Unlock()
	if ok {
		l.term = held.ModifyIndex
	}
}

// copy returns a fleet for a dry run, which may do with it what it likes.
func (l *Live) copy(snap store.Snapshot) *room.Fleet {
	l.mu.Lock()
	f, current := l.fleet, l.leads != nil && l.term != 0 && l.leads() == l.term
	l.mu.Unlock()
	if !current {
		return room.FleetOf(snap)
	}
	return f.Copy()
}
