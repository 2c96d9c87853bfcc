package api_test

import (
	"testing"
	"time"

	"github.com/droverhq/drover/api"
)

func TestRescheduleDelayGrowsByItsFunctionUpToTheLimit(t *testing.T) {
	for _, tc := range []struct {
		function string
		want     []time.Duration
	}{
		{api.DelayConstant, []time.Duration{5, 5, 5, 5, 5, 5}},
		{api.DelayExponential, []time.Duration{5, 10, 20, 40, 50, 50}},
		{api.DelayFibonacci, []time.Duration{5, 5, 10, 15, 25, 40, 50}},
	} {
		t.Run(tc.function, func(t *testing.T) {
			p := &api.ReschedulePolicy{
				Unlimited: new(true), Delay: new(5 * time.Second), MaxDelay: new(50 * time.Second), DelayFunction: new(tc.function),
			}
			now := time.Unix(1000, 0)
			var tracker api.RescheduleTracker
			for i, want := range tc.want {
				got, ok := p.Next(&tracker, now)
				if !ok || got != want*time.Second {
					t.Fatalf("delay %d is %v, %v; want %v", i, got, ok, want*time.Second)
				}
				now = now.Add(got)
				tracker.Events = append(tracker.Events, &api.RescheduleEvent{RescheduleTime: now.UnixNano(), Delay: got})
			}
			// It holds for longer than the limit: the series starts again.
			if got, _ := p.Next(&tracker, now.Add(time.Minute)); got != 5*time.Second {
				t.Errorf("after a long life the delay is %v, want 5s", got)
			}
		})
	}
}

func TestRescheduleAttemptsAreCountedInTheInterval(t *testing.T) {
	p := &api.ReschedulePolicy{Attempts: new(2), Interval: new(time.Hour), Delay: new(time.Second)}
	start := time.Unix(10000, 0)
	at := func(d time.Duration) *api.RescheduleEvent {
		return &api.RescheduleEvent{RescheduleTime: start.Add(d).UnixNano(), Delay: time.Second}
	}
	tracker := &api.RescheduleTracker{Events: []*api.RescheduleEvent{at(0), at(10 * time.Minute)}}
	if _, ok := p.Next(tracker, start.Add(20*time.Minute)); ok {
		t.Error("a third attempt in the hour is allowed")
	}
	if _, ok := p.Next(tracker, start.Add(61*time.Minute)); !ok {
		t.Error("an attempt is refused although one of the two is over an hour ago")
	}
	if _, ok := p.Next(nil, start); !ok {
		t.Error("the first attempt is refused")
	}
	var none *api.ReschedulePolicy
	if _, ok := none.Next(nil, start); ok {
		t.Error("no policy allows an attempt")
	}
}

func TestRescheduleDelayFitsTheInterval(t *testing.T) {
	p := &api.ReschedulePolicy{
		Attempts: new(10), Interval: new(time.Minute), Delay: new(30 * time.Second),
		DelayFunction: new(api.DelayExponential), MaxDelay: new(time.Hour),
	}
	failed := time.Unix(10000, 0)
	tracker := &api.RescheduleTracker{Events: []*api.RescheduleEvent{{RescheduleTime: failed.UnixNano(), Delay: 20 * time.Second}}}
	if delay, ok := p.Next(tracker, failed); !ok || delay != 40*time.Second {
		t.Errorf("the second delay is %v, %v; want 40s", delay, ok)
	}
	tracker.Events[0].Delay = 30 * time.Second
	if delay, ok := p.Next(tracker, failed); ok {
		t.Errorf("an attempt after %v is allowed in an interval of a minute", delay)
	}
	p.Delay = new(2 * time.Minute)
	if _, ok := p.Next(nil, failed); !ok {
		t.Error("the first attempt has to fit too")
	}
	p.Unlimited = new(true)
	if _, ok := p.Next(tracker, failed); !ok {
		t.Error("unlimited attempts have to fit")
	}
}

// TestRescheduleFollowsItsPolicyThroughALife plays failures, each so long after the
// replacement before it, and checks the delays: a negative one says that nobody follows.
func TestRescheduleFollowsItsPolicyThroughALife(t *testing.T) {
	const s, m, never = time.Second, time.Minute, time.Duration(-1)
	bounded := func(attempts int, interval time.Duration) api.ReschedulePolicy {
		return api.ReschedulePolicy{Attempts: &attempts, Interval: &interval, Delay: new(5 * s), DelayFunction: new(api.DelayConstant)}
	}
	unlimited := func(function string, limit time.Duration) api.ReschedulePolicy {
		return api.ReschedulePolicy{Unlimited: new(true), Delay: new(5 * s), DelayFunction: &function, MaxDelay: &limit}
	}
	for name, c := range map[string]struct {
		policy api.ReschedulePolicy
		lives  []time.Duration
		delays []time.Duration
	}{
		"no attempts":                                {bounded(0, m), []time.Duration{0}, []time.Duration{never}},
		"attempts of the interval":                   {bounded(2, m), []time.Duration{0, s, s}, []time.Duration{5 * s, 5 * s, never}},
		"attempts that are over the interval ago":    {bounded(1, m), []time.Duration{0, 61 * s, s}, []time.Duration{5 * s, 5 * s, never}},
		"constant has no limit to reach":             {unlimited(api.DelayConstant, s), []time.Duration{0, 0, m}, []time.Duration{5 * s, 5 * s, 5 * s}},
		"exponential, and again after a long life":   {unlimited(api.DelayExponential, 15*s), []time.Duration{0, 0, 0, 0, m, 0}, []time.Duration{5 * s, 10 * s, 15 * s, 15 * s, 5 * s, 10 * s}},
		"a long life before the limit changes none":  {unlimited(api.DelayExponential, m), []time.Duration{0, 10 * m, 10 * m}, []time.Duration{5 * s, 10 * s, 20 * s}},
		"as long as the limit is not longer than it": {unlimited(api.DelayExponential, 8*s), []time.Duration{0, 0, 8 * s}, []time.Duration{5 * s, 8 * s, 8 * s}},
		"fibonacci, and again after a long life":     {unlimited(api.DelayFibonacci, 15*s), []time.Duration{0, 0, 0, 0, 0, m, 0, 0}, []time.Duration{5 * s, 5 * s, 10 * s, 15 * s, 15 * s, 5 * s, 5 * s, 10 * s}},
		"exponential without a limit":                {unlimited(api.DelayExponential, 0), []time.Duration{0, 0, 0, 0}, []time.Duration{5 * s, 10 * s, 20 * s, 40 * s}},
	} {
		t.Run(name, func(t *testing.T) {
			var tracker api.RescheduleTracker
			now := time.Unix(10000, 0)
			for n, life := range c.lives {
				now = now.Add(life)
				delay, ok := c.policy.Next(&tracker, now)
				if !ok {
					delay = never
				}
				if delay != c.delays[n] {
					t.Fatalf("after failure %d the delay is %v, want %v", n+1, delay, c.delays[n])
				}
				now = now.Add(max(0, delay))
				tracker.Events = append(tracker.Events, &api.RescheduleEvent{RescheduleTime: now.UnixNano(), Delay: delay})
			}
		})
	}
}
