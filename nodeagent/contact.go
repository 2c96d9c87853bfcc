package nodeagent

import (
	"context"
	"sync"
	"time"

	"github.com/droverhq/drover/nodeagent/alloc"
)

// contactNote is how often the agent stores that it is in contact, while something runs
// here that may run without for a limited time only. By as much, at most, the next agent
// takes the loss for earlier than it was.
const contactNote = 5 * time.Second

// contact is when the agent was last in contact with the servers.
type contact struct {
	mu        sync.Mutex // guards the rest
	connected bool
	last      time.Time     // if not connected
	saved     time.Time     // what is on disk
	changed   chan struct{} // holds one token
}

func newContact() *contact { return &contact{changed: make(chan struct{}, 1)} }

// set notes that contact was gained or lost.
func (c *contact) set(connected bool, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.connected && !connected {
		return // it still is
	}
	c.connected, c.last = connected, now
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// since returns when contact was last there: now, if it is.
func (c *contact) since(now time.Time) (at time.Time, connected bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.connected {
		return now, true
	}
	return c.last, false
}

// due reports whether the last contact is to be stored.
func (c *contact) due(at time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at.Sub(c.saved) < contactNote {
		return false
	}
	c.saved = at
	return true
}

// restore takes up the last contact of an earlier agent. Nothing is known of a first one.
func (c *contact) restore(saved, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.saved, c.last = saved, saved
	if saved.IsZero() || saved.After(now) {
		c.last = now
	}
}

// watchContact ends the allocations that may run without contact for a limited time only,
// when that is over. While there are none it does nothing.
func (a *Agent) watchContact(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.contact.changed:
		case <-timer.C:
		}
		timer.Reset(a.checkContact(ctx, time.Now()))
	}
}

// checkContact does what is due, and says when to look again.
func (a *Agent) checkContact(ctx context.Context, now time.Time) time.Duration {
	at, connected := a.contact.since(now)
	again, limited := contactNote, false
	for _, r := range a.worker.all() {
		limit := r.stopAfter()
		if limit == 0 {
			continue
		}
		limited = true
		if connected {
			continue
		}
		if left := at.Add(limit).Sub(now); left > 0 {
			again = min(again, left)
		} else {
			r.log.Info("ending the allocation: no contact with the servers", "since", at)
			r.post(alloc.Abandon{})
		}
	}
	if limited && connected && a.contact.due(at) {
		if err := a.db.SaveContact(ctx, at); err != nil && ctx.Err() == nil {
			a.log.Error(err, "after a restart the agent will take the loss of contact for earlier than it is")
		}
	}
	return again
}

// stopAfter is how long the allocation may run without contact; 0: as long as it likes.
func (r *runner) stopAfter() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.life.StopAfter()
}
