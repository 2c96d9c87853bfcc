package raft

import (
	"fmt"
	"sync"
	"time"

	"github.com/droverhq/drover/store"
)

// spaceCheckEvery is how old an answer about the room on disk may be.
const spaceCheckEvery = time.Second

// space knows whether there is room on disk for more.
type space struct {
	dir string
	min int64 // bytes; negative: no check

	mu      sync.Mutex // guards what follows
	checked time.Time
	err     error
}

// check returns an error that is store.ErrDiskFull if there is too little room.
func (s *space) check() error {
	if s.min < 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.Sub(s.checked) >= spaceCheckEvery {
		s.checked, s.err = now, s.look()
	}
	return s.err
}

func (s *space) look() error {
	free, err := available(s.dir)
	if err != nil {
		return fmt.Errorf("look for disk space in %s: %w", s.dir, err)
	}
	if free < s.min {
		return fmt.Errorf("%w: %d MiB in %s, and %d MiB are kept free", store.ErrDiskFull, free>>20, s.dir, s.min>>20)
	}
	return nil
}
