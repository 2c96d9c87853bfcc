package health

import (
	"sync"
	"time"
)

// Sightings remembers, for instances on nodes whose clocks are ahead of this
// server's, when their last turn was first seen. Its zero value is ready to use, by
// several goroutines. What it forgets with the end of a term is seen again: then an
// instance has to be well for min_healthy_time once more.
type Sightings struct {
	mu   sync.Mutex                     // guards seen
	seen map[string]map[string]sighting // by owner, then by allocation
}

// sighting is the last turn of an allocation that was seen. Those before it count no
// more: a check may turn for as long as its rollout waits.
type sighting struct{ turn, at time.Time }

// First returns when a turn of an allocation was first seen, which is now if it was
// not before. The owner is what it is forgotten with: the ID of a deployment, say.
func (s *Sightings) First(owner, alloc string, turn, now time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil {
		s.seen = make(map[string]map[string]sighting)
	}
	of := s.seen[owner]
	if of == nil {
		of = make(map[string]sighting)
		s.seen[owner] = of
	}
	last, ok := of[alloc]
	if !ok || !last.turn.Equal(turn) {
		last = sighting{turn, now}
		of[alloc] = last
	}
	return last.at
}

// Forget drops what is remembered for an owner that is done.
func (s *Sightings) Forget(owner string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.seen, owner)
}
