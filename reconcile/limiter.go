package reconcile

import (
	"time"

	"golang.org/x/time/rate"
)

const (
	defaultBaseDelay = 5 * time.Millisecond
	defaultMaxDelay  = time.Minute // a failure that outlasts this is looked at that often
	defaultPerSecond = 1000
	defaultBurst     = 1000

	// After a conflict the pass is made again at once: the snapshot has what it
	// conflicted with. Only a key that conflicts time and again waits a little.
	conflictBaseDelay = time.Millisecond
	conflictMaxDelay  = 100 * time.Millisecond
)

// limiter says how long a failed request waits. It is guarded by its queue.
type limiter struct {
	base, max time.Duration
	overall   *rate.Limiter
}

func newLimiter(o RetryOptions) *limiter {
	if o.BaseDelay <= 0 {
		o.BaseDelay = defaultBaseDelay
	}
	if o.MaxDelay <= 0 {
		o.MaxDelay = defaultMaxDelay
	}
	if o.PerSecond <= 0 {
		o.PerSecond = defaultPerSecond
	}
	if o.Burst <= 0 {
		o.Burst = defaultBurst
	}
	return &limiter{base: o.BaseDelay, max: o.MaxDelay, overall: rate.NewLimiter(rate.Limit(o.PerSecond), o.Burst)}
}

// retry returns the delay after the given number of failures in a row.
func (l *limiter) retry(now time.Time, failures int) time.Duration {
	own := double(l.base, failures-1, l.max)
	return max(own, l.overall.ReserveN(now, 1).DelayFrom(now))
}

// conflict returns the delay after a conflict.
func (l *limiter) conflict(failures int) time.Duration {
	if failures <= 1 {
		return 0
	}
	return double(conflictBaseDelay, failures-2, conflictMaxDelay)
}

// double returns d·2ⁿ, at most limit.
func double(d time.Duration, n int, limit time.Duration) time.Duration {
	for ; n > 0 && d < limit; n-- {
		d *= 2
	}
	return min(d, limit)
}
