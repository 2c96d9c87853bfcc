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
