package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
)

func TestWhyAKeyWaitsIsSaidInWords(t *testing.T) {
	now := time.Unix(1000, 0)
	for _, tc := range []struct {
		key  api.ControllerKey
		want []string
	}{
		{api.ControllerKey{State: "queued", Since: now.Add(-2 * time.Second), Priority: 5}, []string{"waits for a worker since 2s ago, with priority 5", "3 are queued"}},
		{api.ControllerKey{State: "working", Since: now.Add(-time.Second), Again: true}, []string{"is being worked on", "1s ago", "another pass follows at once"}},
		{api.ControllerKey{State: "resting", Until: now.Add(time.Second)}, []string{"rests after a long pass", "in 1s"}},
		{
			api.ControllerKey{State: "retrying", Until: now.Add(time.Minute), Failures: 4, Error: "no room"},
			[]string{"failed 4 times in a row and is tried again in 1m0s", "Last error: no room"},
		},
		{api.ControllerKey{State: "waiting", Until: now.Add(time.Hour)}, []string{"looked at again in 1h0m0s, as its last pass asked"}},
		{api.ControllerKey{State: "idle", Exists: true}, []string{"has nothing to be done"}},
		{api.ControllerKey{State: "idle"}, []string{"There is no Job of that key"}},
	} {
		tc.key.Key = "default/web"
		got := keyText(&api.ControllerReport{Name: "job", For: api.KindJob, Queued: 3, Key: &tc.key}, now)
		for _, want := range append(tc.want, "Job default/web ") {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q does not say %q", tc.key.State, got, want)
			}
		}
	}
}

func TestServerThatDoesNotLeadSaysWhoDoes(t *testing.T) {
	for want, list := range map[string]*api.ControllerList{
		"":                              {Leading: true, ServerID: "a", Leader: "a"},
		"Ask the leader: b.":            {ServerID: "a", Leader: "b"},
		"No server leads at the moment": {ServerID: "a"},
	} {
		if got := leadText(list); !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("%+v: %q, want %q", list, got, want)
		}
	}
}
