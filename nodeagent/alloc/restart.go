package alloc

import (
	"fmt"
	"time"

	"github.com/droverhq/drover/api"
)

// Policy says how often and when a task that ended is started again.
type Policy struct {
	Attempts  int // restarts in one Interval
	Interval  time.Duration
	Delay     time.Duration // before a restart, lengthened by up to maxJitter
	Mode      string        // api.RestartModeFail or RestartModeDelay
	OnSuccess bool          // whether a task that ended well is started again
}

// maxJitter is by how much of itself a restart delay is lengthened at most, so that
// tasks that failed together do not come back together.
const maxJitter = 0.25

// Why a task is, or is not, started again.
const (
	reasonWithinPolicy  = "Restart within policy"
	reasonNoRestarts    = "Policy allows no restarts"
	reasonDelay         = "Exceeded allowed attempts, applying a delay"
	reasonUnrecoverable = "Error was unrecoverable"
)

// Window counts restarts in the current interval of a policy.
type Window struct {
	Start time.Time
	Count int
}

// verdict is what becomes of a task that ended by itself.
type verdict struct {
	again  bool
	delay  time.Duration
	fails  bool
	reason string
}

// ending is how a task ended by itself, or failed to start.
type ending struct {
	successful    bool
	unrecoverable bool // to start it again can't help
}

// judge decides about a task that ended now, and counts. jitter is in [0, 1).
func (p Policy) judge(w *Window, e ending, now time.Time, jitter float64) verdict {
	switch {
	case e.successful && !p.OnSuccess:
		return verdict{}
	case e.unrecoverable:
		return verdict{fails: true, reason: reasonUnrecoverable}
	case p.Attempts <= 0:
		return verdict{fails: true, reason: reasonNoRestarts}
	}
	if w.Start.IsZero() || now.After(w.Start.Add(p.Interval)) {
		*w = Window{Start: now}
	}
	w.Count++
	if w.Count <= p.Attempts {
		delay := p.Delay + time.Duration(maxJitter*jitter*float64(p.Delay))
		return verdict{again: true, delay: delay, reason: reasonWithinPolicy}
	}
	if p.Mode == api.RestartModeDelay {
		return verdict{again: true, delay: max(w.Start.Add(p.Interval).Sub(now), 0), reason: reasonDelay}
	}
	return verdict{fails: true, reason: fmt.Sprintf("Exceeded allowed attempts %d in interval %v and mode is %q", p.Attempts, p.Interval, p.Mode)}
}
