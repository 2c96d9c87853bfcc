package drain

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// members reads instances, one a word: whether it is healthy (h), not yet (u) or failed
// (f); d if its node is being drained, D if by a deadline; l if it has been told to
// leave at once, p once there is room; x if its node is out of reach; c for a canary, r
// if its rollout goes on and has not called it healthy.
func members(words string) []*member {
	web := &api.TaskGroup{Name: new("web"), Tasks: []*api.Task{{Name: "app"}}}
	var out []*member
	for n, word := range strings.Fields(words) {
		began := noon.Add(-time.Hour)
		m := &member{spec: web}
		m.Allocation = &api.Allocation{
			ID: fmt.Sprint(n), Name: api.AllocName("shop", "web", n), DesiredStatus: api.AllocDesiredRun, CreateTime: began.UnixNano(),
		}
		client, state := api.AllocClientRunning, &api.TaskState{State: api.TaskStateRunning, StartedAt: &began}
		for _, letter := range word {
			switch letter {
			case 'u':
				state.StartedAt = new(noon.Add(-time.Second))
			case 'f':
				client, state = api.AllocClientFailed, &api.TaskState{State: api.TaskStateDead, Failed: true}
			case 'd':
				m.drain = &api.DrainStrategy{}
			case 'D':
				m.drain = &api.DrainStrategy{Deadline: time.Hour, ForceDeadline: noon.Add(time.Hour)}
			case 'l':
				m.DesiredTransition.Migrate = new(true)
			case 'x':
				m.Lost = api.AllocClientUnknown
			case 'p':
				m.DesiredTransition.Migrate, m.DesiredTransition.MigrateWhenPlaced = new(true), new(true)
			case 'c':
				m.onTrial, m.DeploymentStatus = true, &api.AllocDeploymentStatus{Canary: true}
			case 'r':
				m.rollsOut = true
			}
		}
		m.status = &api.AllocationStatus{ClientStatus: client, TaskStates: map[string]*api.TaskState{"app": state}}
		out = append(out, m)
	}
	return out
}

func names(list []*member) string {
	var ids []string
	for _, m := range list {
		ids = append(ids, m.ID)
	}
	return strings.Join(ids, " ")
}

func TestAsManyLeaveAsMayBeMissing(t *testing.T) {
	for _, c := range []struct {
		what     string
		count    int
		parallel int
		members  string
		told     string // who is, besides those that were
		waits    bool
		back     string // who is asked to stay after all
	}{
		{"one of three", 3, 1, "hd hd hd", "0", true, ""},
		{"two of three", 3, 2, "hd hd hd", "0 1", true, ""},
		{"the only one", 1, 1, "hd", "0", true, ""},
		{"none, by the block", 3, 0, "hd h h", "", true, ""},
		{"only those on draining nodes", 3, 3, "h hd h", "1", true, ""},
		{"none while another is on its way", 3, 1, "u hd hd", "", true, ""},
		{"none while another has been told", 3, 1, "hdl hd hd", "", true, ""},
		{"none while one is not there", 3, 1, "hd hd", "", true, ""},
		{"none while one has failed", 3, 1, "f hd h", "", true, ""},
		{"none while the rollout has not called one healthy", 3, 1, "hr hd h", "", true, ""},
		{"one who is not healthy, first", 3, 1, "hd ud h", "1", true, ""},
		{"one by one, of those that are not healthy", 3, 1, "ud ud ud", "0", true, ""},
		{"not one that is healthy beside one that is not", 2, 1, "ud hd", "0", true, ""},
		{"the node whose deadline comes, first", 2, 1, "hd hD", "1", true, ""},
		{"too many, as the count just fell", 3, 1, "hd hd h h h", "0", true, ""},
		{"a canary beside the others", 2, 1, "hd hd hdc", "2 0", true, ""},
		{"a failed one has left already", 1, 1, "fd", "", false, ""},
		{"none from a node that is out of reach", 2, 1, "hdx hd", "", true, ""},
		{"who is out of reach leaves when he is back", 2, 1, "hdx h", "", true, ""},
		{"nobody", 2, 1, "h h", "", false, ""},
		{"the one that waits for room, and no other", 3, 1, "hd hdp hd", "", true, ""},
		{"none any more, as another failed meanwhile", 3, 1, "hdp h f", "", true, "0"},
		{"the one that fell ill rather than the one that waits", 3, 1, "hdp ud h", "1", true, "0"},
		{"others, as more may be missing", 4, 2, "hd hdp hd h", "0", true, ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			g := &group{count: c.count, members: members(c.members), migrate: &api.MigrateStrategy{
				MaxParallel: &c.parallel, HealthCheck: new(api.HealthCheckTaskStates),
				MinHealthyTime: new(10 * time.Second), HealthyDeadline: new(time.Minute),
			}}
			p := g.plan(noon)
			told, back := names(p.told), names(p.back)
			if told != c.told || back != c.back || p.waits != c.waits {
				t.Errorf("told %q, taken back %q, waits %v; want %q, %q, %v", told, back, p.waits, c.told, c.back, c.waits)
			}
		})
	}
}

func TestPassIsMadeAgainWhenTheNextIsHealthy(t *testing.T) {
	g := &group{count: 2, members: members("u hd"), migrate: &api.MigrateStrategy{
		MaxParallel: new(1), MinHealthyTime: new(10 * time.Second), HealthyDeadline: new(time.Minute),
	}}
	if again := g.plan(noon).again; !again.Equal(noon.Add(9 * time.Second)) {
		t.Errorf("again %s after noon, want 9s", again.Sub(noon))
	}
}

func TestStrayIsWhatCameAfterTheEndOfADrain(t *testing.T) {
	node := &api.NodeIntent{NodeID: "n1"}
	node = node.WithDrain(api.DrainSpec{Deadline: -1}, "", nil, noon).Drained(noon)
	node.SetIndexes(1, 20)
	late, earlier := &api.Allocation{}, &api.Allocation{}
	late.SetIndexes(21, 21)
	earlier.SetIndexes(19, 30)
	if !stray(node, late) || stray(node, earlier) {
		t.Error("who came after the end is a stray, who came before is not")
	}
	eligible := node.WithEligibility(api.NodeEligible, noon)
	eligible.SetIndexes(1, 20)
	if stray(eligible, late) {
		t.Error("a node that takes allocations again has no strays")
	}
}
