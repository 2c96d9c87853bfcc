package reconcile

import "time"

// Clock is where the runtime and its reconcilers take the time from. The real one
// is right nearly always: inside a testing/synctest bubble it is virtual. All
// methods may be called concurrently.
type Clock interface {
	Now() time.Time
	// After returns a channel that gets the time once, when d has passed.
	After(d time.Duration) <-chan time.Time
}

// RealClock is the clock of package time.
type RealClock struct{}

// Now implements Clock.
func (RealClock) Now() time.Time { return time.Now() }

// After implements Clock.
func (RealClock) After(d time.Duration) <-chan time.Time { return time.After(d) }
