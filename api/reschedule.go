package api

import "time"

// MaxRescheduleEvents is how many replacements a RescheduleTracker remembers when
// the policy has no limit that needs more of them.
const MaxRescheduleEvents = 5

// Next says whether an allocation that failed at failedAt is replaced, and how
// long after its failure. t is the history of its predecessors; nil is none. A nil
// policy replaces nothing.
func (p *ReschedulePolicy) Next(t *RescheduleTracker, failedAt time.Time) (delay time.Duration, ok bool) {
	if p == nil {
		return 0, false
	}
	if delay = p.delay(t, failedAt); !p.allows(t, failedAt, delay) {
		return 0, false
	}
	return delay, true
}

// allows reports whether the policy has attempts left. One that follows others has to
// come within the interval; else a delay as long as that would make any number of
// attempts look like one.
func (p *ReschedulePolicy) allows(t *RescheduleTracker, failedAt time.Time, delay time.Duration) bool {
	if Deref(p.Unlimited) {
		return true
	}
	allowed, interval := Deref(p.Attempts), Deref(p.Interval)
	used := 0
	if t != nil && len(t.Events) > 0 {
		if delay >= interval {
			return false
		}
		for _, e := range t.Events {
			if failedAt.UnixNano()-e.RescheduleTime < int64(interval) {
				used++
			}
		}
	}
	return used < allowed
}

// delay grows with each replacement by the policy's function, up to MaxDelay. An
// allocation that held for longer than MaxDelay starts the series again.
func (p *ReschedulePolicy) delay(t *RescheduleTracker, failedAt time.Time) time.Duration {
	first, limit := Deref(p.Delay), Deref(p.MaxDelay)
	if t == nil || len(t.Events) == 0 {
		return first
	}
	last := t.Events[len(t.Events)-1]
	d := first
	switch Deref(p.DelayFunction) {
	case DelayExponential:
		d = 2 * last.Delay
	case DelayFibonacci:
		if n := len(t.Events); n >= 2 {
			before := t.Events[n-2].Delay
			restarted := before == limit && last.Delay == first
			if !restarted {
				d = last.Delay + before
			}
		}
	default:
		return first
	}
	if limit <= 0 || d <= limit {
		return d
	}
	if failedAt.UnixNano()-last.RescheduleTime > int64(limit) {
		return first
	}
	return limit
}

// EndedAt returns when the last task ended, or, if no task says, when the node
// agent wrote the status.
func (s *AllocationStatus) EndedAt() time.Time {
	var last time.Time
	for _, t := range s.TaskStates {
		if t.FinishedAt != nil && t.FinishedAt.After(last) {
			last = *t.FinishedAt
		}
	}
	if last.IsZero() {
		last = time.Unix(0, s.ModifyTime)
	}
	return last
}
