package nodeagent

import "sync"

// crew is the goroutines of an agent: they are waited for, and none begins once the
// agent has ended.
type crew struct {
	mu      sync.Mutex // guards dismissed
	off     bool
	working sync.WaitGroup
}

// Go runs f in a goroutine, unless the crew has been dismissed.
func (c *crew) Go(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.off {
		return false
	}
	c.working.Go(f)
	return true
}

// Dismiss waits for all goroutines; no more begin.
func (c *crew) Dismiss() {
	c.mu.Lock()
	c.off = true
	c.mu.Unlock()
	c.working.Wait()
}
