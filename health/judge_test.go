package health_test

import (
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/health"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }

// example is an instance of a group with a task and a service, of which one check
// counts and the other does not.
type example struct {
	group  *api.TaskGroup
	status *api.AllocationStatus
}

func newExample() *example {
	e := &example{group: &api.TaskGroup{
		Name:  new("web"),
		Tasks: []*api.Task{{Name: "app"}},
		Services: []*api.Service{{Name: "shop", Provider: api.ServiceProviderNomad, Checks: []*api.ServiceCheck{
			{Name: "alive", Type: api.CheckHTTP, Path: "/"},
			{Name: "ready", Type: api.CheckTCP, OnUpdate: api.OnUpdateIgnore},
		}}},
	}}
	e.status = &api.AllocationStatus{
		ID: "a1", ClientStatus: api.AllocClientRunning,
		TaskStates: map[string]*api.TaskState{"app": {State: api.TaskStateRunning, StartedAt: new(at(2))}},
	}
	return e
}

// report says how the checks do, each since a moment.
func (e *example) report(status string, since time.Time, checks ...int) *example {
	s := e.group.Services[0]
	for _, n := range checks {
		e.status.Checks = append(e.status.Checks, &api.CheckState{
			ID: api.CheckID("a1", "", s, s.Checks[n]), Status: status, Since: since.UnixNano(),
		})
	}
	return e
}

func TestJudge(t *testing.T) {
	terms := health.Terms{Check: api.HealthCheckChecks, MinHealthyTime: 10 * time.Second, Deadline: time.Minute}
	by := func(check string) health.Terms {
		other := terms
		other.Check = check
		return other
	}
	withTask := func(e *example, state *api.TaskState) *example {
		e.status.TaskStates["app"] = state
		return e
	}
	for name, c := range map[string]struct {
		of      *example
		terms   health.Terms
		now     time.Time
		verdict health.Verdict
		again   time.Time
	}{
		"nothing is known": {
			&example{group: newExample().group}, terms, at(5), health.Undecided, at(60),
		},
		"nothing is known for too long": {
			&example{group: newExample().group}, terms, at(60), health.Unhealthy, time.Time{},
		},
		"its check has no result": {
			newExample(), terms, at(30), health.Undecided, at(60),
		},
		"its check has just passed": {
			newExample().report(api.CheckSuccess, at(5), 0), terms, at(6), health.Undecided, at(15),
		},
		"its check passes for long enough": {
			newExample().report(api.CheckSuccess, at(5), 0), terms, at(15), health.Healthy, time.Time{},
		},
		"its task restarted after its check passed": {
			withTask(newExample().report(api.CheckSuccess, at(5), 0), &api.TaskState{State: api.TaskStateRunning, StartedAt: new(at(8))}),
			terms, at(15), health.Undecided, at(18),
		},
		"its check fails": {
			newExample().report(api.CheckFailure, at(5), 0), terms, at(59), health.Undecided, at(60),
		},
		"its check fails until the deadline": {
			newExample().report(api.CheckFailure, at(5), 0), terms, at(60), health.Unhealthy, time.Time{},
		},
		"its check passes too late": {
			newExample().report(api.CheckSuccess, at(55), 0), terms, at(58), health.Undecided, at(60),
		},
		"a check that does not count fails": {
			newExample().report(api.CheckSuccess, at(5), 0).report(api.CheckFailure, at(6), 1), terms, at(15), health.Healthy, time.Time{},
		},
		"only the check that does not count passes": {
			newExample().report(api.CheckSuccess, at(5), 1), terms, at(30), health.Undecided, at(60),
		},
		"its check fails, but task states count": {
			newExample().report(api.CheckFailure, at(5), 0), by(api.HealthCheckTaskStates), at(12), health.Healthy, time.Time{},
		},
		"a person is to say": {
			newExample().report(api.CheckSuccess, at(5), 0), by(api.HealthCheckManual), at(300), health.Undecided, time.Time{},
		},
		"its task failed": {
			withTask(newExample(), &api.TaskState{State: api.TaskStateDead, Failed: true}), terms, at(5), health.Unhealthy, time.Time{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			i := health.Instance{Group: c.of.group, Status: c.of.status, Since: start}
			verdict, again := health.Judge(i, c.terms, c.now)
			if verdict != c.verdict || !again.Equal(c.again) {
				t.Errorf("%s, again at %v; want %s, again at %v", verdict, again.Sub(start), c.verdict, c.again.Sub(start))
			}
		})
	}
}

func TestChangedCheckHasToPassItself(t *testing.T) {
	e := newExample().report(api.CheckSuccess, at(5), 0)
	e.group.Services[0].Checks[0] = &api.ServiceCheck{Name: "alive", Type: api.CheckHTTP, Path: "/other"}
	terms := health.Terms{Check: api.HealthCheckChecks, Deadline: time.Minute}
	if v, _ := health.Judge(health.Instance{Group: e.group, Status: e.status, Since: start}, terms, at(30)); v != health.Undecided {
		t.Errorf("it is %s by the result of a check that the group has no more", v)
	}
}

func TestServiceOfAnEndedTaskIsOfNoConcern(t *testing.T) {
	e := newExample()
	e.group.Tasks = append(e.group.Tasks, &api.Task{
		Name: "init", Lifecycle: &api.TaskLifecycle{Hook: api.HookPrestart}, Services: e.group.Services,
	})
	e.group.Services = nil
	e.status.TaskStates["init"] = &api.TaskState{State: api.TaskStateDead}
	terms := health.Terms{Check: api.HealthCheckChecks, Deadline: time.Minute}
	if v, _ := health.Judge(health.Instance{Group: e.group, Status: e.status, Since: start}, terms, at(30)); v != health.Healthy {
		t.Errorf("it is %s", v)
	}
}

func TestCheckOfANodeWhoseClockIsAheadCountsFromWhenItWasSeen(t *testing.T) {
	e := newExample().report(api.CheckSuccess, at(3600), 0)
	terms := health.Terms{Check: api.HealthCheckChecks, MinHealthyTime: 10 * time.Second, Deadline: time.Minute}
	turn := health.LastTurn(e.status)
	if !turn.Equal(at(3600)) {
		t.Fatalf("it turned last at %v", turn)
	}
	var sightings health.Sightings
	judge := func(now time.Time) health.Verdict {
		seen := sightings.First("d1", "a1", turn, now)
		v, _ := health.Judge(health.Instance{Group: e.group, Status: e.status, Since: start, Seen: seen}, terms, now)
		return v
	}
	for _, c := range []struct {
		now  time.Time
		want health.Verdict
	}{{at(6), health.Undecided}, {at(15), health.Undecided}, {at(16), health.Healthy}} {
		if v := judge(c.now); v != c.want {
			t.Errorf("at %v it is %s, want %s", c.now.Sub(start), v, c.want)
		}
	}
}

func TestSightingIsOfTheLastTurnOfEachAllocation(t *testing.T) {
	var sightings health.Sightings
	for _, c := range []struct {
		owner, alloc    string
		turn, now, want float64
	}{
		{"d1", "a1", 3600, 1, 1},
		{"d1", "a1", 3600, 2, 1},
		{"d1", "a2", 3600, 3, 3},
		{"d2", "a1", 3600, 4, 4},
		{"d1", "a1", 3700, 5, 5}, // it turned again
		{"d1", "a1", 3700, 6, 5},
		{"d1", "a1", 3600, 7, 7}, // and its clock was put back
	} {
		if seen := sightings.First(c.owner, c.alloc, at(c.turn), at(c.now)); !seen.Equal(at(c.want)) {
			t.Errorf("%+v: first seen at %v", c, seen.Sub(start))
		}
	}
	sightings.Forget("d1")
	if seen := sightings.First("d1", "a2", at(3600), at(8)); !seen.Equal(at(8)) {
		t.Errorf("what was forgotten was seen at %v", seen.Sub(start))
	}
}

func TestTurnedSaysWhatJudgementHangsOn(t *testing.T) {
	base := newExample().report(api.CheckSuccess, at(5), 0).status
	for name, c := range map[string]struct {
		change func(s *api.AllocationStatus)
		want   bool
	}{
		"nothing":         {func(*api.AllocationStatus) {}, false},
		"an event":        {func(s *api.AllocationStatus) { s.TaskStates["app"].Events = []*api.TaskEvent{{}} }, false},
		"a task's state":  {func(s *api.AllocationStatus) { s.TaskStates["app"].State = api.TaskStateDead }, true},
		"a task's start":  {func(s *api.AllocationStatus) { s.TaskStates["app"].StartedAt = new(at(9)) }, true},
		"a check's state": {func(s *api.AllocationStatus) { s.Checks[0].Status = api.CheckFailure }, true},
		"a check less":    {func(s *api.AllocationStatus) { s.Checks = nil }, true},
	} {
		after, err := api.Clone(base)
		if err != nil {
			t.Fatal(err)
		}
		c.change(after)
		if got := health.Turned(base, after); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
