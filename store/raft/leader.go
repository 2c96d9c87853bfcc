package raft

import (
	"sync"

	"github.com/lni/dragonboat/v3/raftio"

	"github.com/droverhq/drover/store"
)

// leadership is what this replica knows about who leads. It is told by Dragonboat.
type leadership struct {
	self    uint64
	members map[uint64]Member

	mu      sync.Mutex // guards what follows
	info    store.LeaderInfo
	changed chan struct{}
}

func newLeadership(o *Options) *leadership {
	return &leadership{self: o.ReplicaID, members: o.InitialMembers, changed: make(chan struct{})}
}

// LeaderUpdated implements raftio.IRaftEventListener.
func (l *leadership) LeaderUpdated(u raftio.LeaderInfo) {
	info := store.LeaderInfo{Term: u.Term}
	if u.LeaderID != raftio.NoLeader {
		m := l.members[u.LeaderID]
		info.ServerID, info.Address, info.IsSelf = m.ServerID, m.Address, u.LeaderID == l.self
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if info == l.info {
		return
	}
	l.info = info
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *leadership) get() (store.LeaderInfo, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.info, l.changed
}

// Leader implements store.Store.
func (s *Store) Leader() store.LeaderInfo {
	info, _ := s.leadership.get()
	return info
}

// LeaderChanged implements store.Store.
func (s *Store) LeaderChanged() <-chan struct{} {
	_, changed := s.leadership.get()
	return changed
}
