package nodeagent

import (
	"testing"
	"time"
)

func TestAnAllocationIsLookedAtAgainInTimeOrWhenItMayHaveOutgrownItsDisk(t *testing.T) {
	now := time.Unix(1000, 0)
	for name, c := range map[string]struct {
		last look
		used int64
		want bool
	}{
		"never looked at":             {look{}, 0, true},
		"just looked at":              {look{at: now.Add(-time.Second), left: 100, used: 50}, 60, false},
		"looked at long ago":          {look{at: now.Add(-time.Minute), left: 100, used: 50}, 50, true},
		"the disk filled by as much":  {look{at: now.Add(-time.Second), left: 100, used: 50}, 150, true},
		"but to look takes too long":  {look{at: now.Add(-time.Second), left: 100, used: 50, cost: time.Second}, 150, false},
		"which is over after a while": {look{at: now.Add(-time.Minute), left: 100, used: 50, cost: time.Second}, 50, true},
	} {
		if got := c.last.due(now, c.used, 10*time.Second); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
