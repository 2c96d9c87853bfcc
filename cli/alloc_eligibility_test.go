package cli

import (
	"testing"
	"time"

	"github.com/droverhq/drover/api"
)

func TestAFailedAllocationSaysWhenItIsReplaced(t *testing.T) {
	failed := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	policy := &api.ReschedulePolicy{Attempts: new(1), Interval: new(time.Hour), Delay: new(30 * time.Second), DelayFunction: new(api.DelayConstant)}
	for name, c := range map[string]struct {
		change func(a *api.Allocation)
		after  time.Duration
		want   string
	}{
		"it waits":         {func(*api.Allocation) {}, 10 * time.Second, "20s from now"},
		"the time is over": {func(*api.Allocation) {}, time.Minute, ""},
		"it runs":          {func(a *api.Allocation) { a.ClientStatus = api.AllocClientRunning }, 0, ""},
		"it is followed":   {func(a *api.Allocation) { a.NextAllocation = "b" }, 0, ""},
		"it is stopped":    {func(a *api.Allocation) { a.DesiredStatus = api.AllocDesiredStop }, 0, ""},
		"no attempt is left": {func(a *api.Allocation) {
			a.RescheduleTracker = &api.RescheduleTracker{Events: []*api.RescheduleEvent{{RescheduleTime: failed.Add(-time.Minute).UnixNano()}}}
		}, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := &api.Allocation{
				TaskGroup: "g", ClientStatus: api.AllocClientFailed, DesiredStatus: api.AllocDesiredRun, ModifyTime: failed.UnixNano(),
				Job: &api.Job{TaskGroups: []*api.TaskGroup{{Name: new("g"), ReschedulePolicy: policy}}},
			}
			c.change(a)
			if got := eligibility(a, failed.Add(c.after)); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
