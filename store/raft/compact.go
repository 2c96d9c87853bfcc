package raft

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/lni/dragonboat/v3"
)

// logSize counts what has been added to the raft log since it was last cut.
type logSize struct {
	maxEntries, maxBytes uint64
	full                 chan struct{} // holds one token when the log should be cut

	mu             sync.Mutex // guards what follows
	entries, bytes uint64
}

func newLogSize(o *Options) *logSize {
	return &logSize{maxEntries: o.CompactEntries, maxBytes: o.CompactBytes, full: make(chan struct{}, 1)}
}

func (l *logSize) grow(entries, bytes uint64) {
	l.mu.Lock()
	l.entries += entries
	l.bytes += bytes
	full := l.entries >= l.maxEntries || l.bytes >= l.maxBytes
	l.mu.Unlock()
	if !full {
		return
	}
	select {
	case l.full <- struct{}{}:
	default:
	}
}

// cut starts over, and returns how many entries to keep for replicas that are a
// little behind: a quarter of what there was.
func (l *logSize) cut() (keep uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	keep = l.entries / 4
	l.entries, l.bytes = 0, 0
	return keep
}

// compactTimeout is far longer than it takes to sync the state.
const compactTimeout = time.Minute

// compact cuts the raft log whenever it has grown enough, until the store closes. The
// state is synced to disk by it.
func (s *Store) compact() {
	for {
		select {
		case <-s.closing:
			return
		case <-s.log.full:
		}
		ctx, cancel := context.WithTimeout(s.ctx, compactTimeout)
		option := dragonboat.SnapshotOption{OverrideCompactionOverhead: true, CompactionOverhead: s.log.cut()}
		index, err := s.host.SyncRequestSnapshot(ctx, groupID, option)
		cancel()
		switch {
		case err == nil:
			s.o.Log.V(1).Info("raft log cut", "entry", index)
		case s.ctx.Err() == nil && !errors.Is(err, dragonboat.ErrRejected):
			s.o.Log.Error(err, "cut the raft log; it is tried again when it has grown further")
		}
	}
}
