package deployment

import (
	"sync"
	"time"
)

// clocks remembers, for tasks on nodes whose clocks are ahead of this server's, when
// they were first seen to have started. What it forgets with the end of a term is
// seen again: then an instance has to hold for min_healthy_time once more.
type clocks struct {
	mu   sync.Mutex                        // guards seen
	seen map[string]map[sighting]time.Time // by deployment
}

type sighting struct {
	alloc   string
	started int64 // Unix nanoseconds
}

// first returns when a task of an allocation was first seen to have started.
func (c *clocks) first(deployment, alloc string, started, now time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen == nil {
		c.seen = make(map[string]map[sighting]time.Time)
	}
	of := c.seen[deployment]
	if of == nil {
		of = make(map[sighting]time.Time)
		c.seen[deployment] = of
	}
	s := sighting{alloc, started.UnixNano()}
	at, ok := of[s]
	if !ok {
		at = now
		of[s] = at
	}
	return at
}

// forget drops what is remembered for a deployment that ended.
func (c *clocks) forget(deployment string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.seen, deployment)
}
