package checks

import (
	"testing"
	"time"

	"github.com/droverhq/drover/api"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }

// made is a check that was made once: at a moment, with an outcome, and what has to
// come of it.
type made struct {
	at      float64
	ok      bool
	status  string
	next    float64
	turned  bool
	restart bool
}

func TestCheck(t *testing.T) {
	spec := Spec{Interval: 10 * time.Second}
	restarting := spec
	restarting.Limit, restarting.Grace = 2, 15*time.Second
	passing := spec
	passing.Initial = api.CheckSuccess
	for name, c := range map[string]struct {
		spec  Spec
		story []made
	}{
		"it passes at once": {spec, []made{
			{at: 0, ok: true, status: "success", next: 10, turned: true},
			{at: 10, ok: true, status: "success", next: 20},
		}},
		"what does not listen yet is asked again soon": {spec, []made{
			{at: 0, status: "pending", next: 0.1},
			{at: 0.1, status: "pending", next: 0.3},
			{at: 0.3, status: "pending", next: 0.7},
			{at: 0.7, ok: true, status: "success", next: 10.7, turned: true},
		}},
		"what does not answer for an interval fails": {spec, []made{
			{at: 0, status: "pending", next: 0.1},
			{at: 9, status: "pending", next: 9.2},
			{at: 10, status: "failure", next: 20, turned: true},
			{at: 20, status: "failure", next: 30},
			{at: 30, ok: true, status: "success", next: 40, turned: true},
			{at: 31, status: "failure", next: 41, turned: true},
		}},
		"the pause does not grow beyond the interval": {Spec{Interval: time.Second}, []made{
			{at: 0, status: "pending", next: 0.1},
			{at: 0.1, status: "pending", next: 0.3},
			{at: 0.3, status: "pending", next: 0.7},
			{at: 0.7, status: "pending", next: 1.5},
			{at: 1.5, status: "failure", next: 2.5, turned: true},
		}},
		"what is taken to pass fails at its first failure": {passing, []made{
			{at: 0, status: "failure", next: 10, turned: true},
		}},
		"two failures in a row restart, but not those at the beginning": {restarting, []made{
			{at: 0, ok: true, status: "success", next: 10, turned: true},
			{at: 10, status: "failure", next: 20, turned: true},
			{at: 20, status: "failure", next: 30},
			{at: 30, status: "failure", next: 40, restart: true},
			{at: 40, status: "failure", next: 50},
			{at: 50, status: "failure", next: 60, restart: true},
		}},
		"a success in between starts the count again": {restarting, []made{
			{at: 20, ok: true, status: "success", next: 30, turned: true},
			{at: 30, status: "failure", next: 40, turned: true},
			{at: 40, ok: true, status: "success", next: 50, turned: true},
			{at: 50, status: "failure", next: 60, turned: true},
			{at: 60, status: "failure", next: 70, restart: true},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := NewCheck(c.spec, start)
			for _, m := range c.story {
				turned, restart := s.Take(Outcome{OK: m.ok}, at(m.at), at(m.at))
				got := made{m.at, m.ok, s.result.Status, s.next.Sub(start).Seconds(), turned, restart}
				if got != m {
					t.Fatalf("got %+v, want %+v", got, m)
				}
			}
		})
	}
}

func TestGraceCountsAgainFromARestart(t *testing.T) {
	s := NewCheck(Spec{Interval: time.Second, Limit: 1, Grace: 5 * time.Second}, start)
	if _, restart := s.Take(Outcome{}, at(6), at(6)); !restart {
		t.Fatal("a failure after the grace restarts nothing")
	}
	s.Restarted(2, at(7))
	if _, restart := s.Take(Outcome{}, at(8), at(8)); restart {
		t.Error("a failure one second after the restart restarts again")
	}
	if _, restart := s.Take(Outcome{}, at(12), at(12)); !restart {
		t.Error("a failure five seconds after the restart restarts nothing")
	}
}

func TestCheckThatTakesLongerThanItsIntervalIsMadeAtOnceAgain(t *testing.T) {
	s := NewCheck(Spec{Interval: time.Second}, start)
	s.Take(Outcome{OK: true}, at(0), at(3))
	if !s.next.Equal(at(3)) {
		t.Errorf("made again at %v", s.next.Sub(start))
	}
}
