package api_test

import (
	"testing"
	"time"

	"github.com/droverhq/drover/api"
)

func TestANodeThatWasLeftTakesAllocationsAgainWhenItsAgentIsBack(t *testing.T) {
	now := time.Now()
	spec := api.DrainSpec{Deadline: time.Hour}
	fresh := &api.NodeIntent{NodeID: "n"}
	left := fresh.Leaving(spec, now)
	if !left.Draining() || left.Eligibility != api.NodeIneligible {
		t.Fatalf("left: %+v", left)
	}
	closed := fresh.WithEligibility(api.NodeIneligible, now)
	drained := fresh.WithDrain(spec, api.NoAccessor, nil, now)
	for _, c := range []struct {
		name     string
		intent   *api.NodeIntent
		eligible bool
	}{
		{"drained", left.Drained(now), true},
		{"still being drained", left, true},
		{"asked for twice", left.Drained(now).Leaving(spec, now), true},
		{"closed before", closed.Leaving(spec, now).Drained(now), false},
		{"drained by an operator", drained.Leaving(spec, now).Drained(now), false},
		{"drained by an operator later", left.Drained(now).WithEligibility(api.NodeEligible, now).WithDrain(spec, api.NoAccessor, map[string]string{"why": "disk"}, now), false},
		{"closed later", left.Drained(now).Returned(now).WithEligibility(api.NodeIneligible, now), false},
	} {
		back := c.intent.Returned(now)
		if got := back.Eligibility == api.NodeEligible && !back.Draining(); got != c.eligible {
			t.Errorf("%s: eligible %v, want %v: %+v", c.name, got, c.eligible, back)
		}
		if back.Returned(now) != back {
			t.Errorf("%s: it comes back twice", c.name)
		}
	}
	if fresh.Returned(now) != fresh {
		t.Error("a node that was never left comes back")
	}
}
