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
	mu   sync.Mutex                        // guards seen
	seen map[string]map[sighting]time.Time // by owner
}

type sighting struct {
	alloc string
	turn  int64 // Unix nanoseconds
}

// First returns when a turn of an allocation was first seen, which is now if it was
// not before. The owner is what it is forgotten with: the ID of a deployment, say.
func (s *Sightings) First(owner, alloc string, turn, now time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil {
		s.seen = make(map[string]map[sighting]time.Time)
	}
	of := s.seen[owner]
	if of == nil {
		of = make(map[sighting]time.Time)
		s.seen[owner] = of
	}
	this := sighting{alloc, turn.UnixNano()}
	at, ok := of[this]
	if !ok {
		at = now
		of[this] = at
	}
	return at
}

// Forget drops what is remembered for an owner that is done.
func (s *Sightings) Forget(owner string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.seen, owner)
}
