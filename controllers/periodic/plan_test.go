package periodic

import (
	"fmt"
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/cron"
)

func anyJob(t *rapid.T, submitted time.Time) *api.Job {
	return &api.Job{
		Namespace: new("default"), ID: new("j"), SubmitTime: new(submitted.UnixNano()),
		Periodic: &api.PeriodicConfig{
			Specs:    []string{rapid.SampledFrom([]string{"* * * * *", "*/10 * * * *", "0 * * * *", "30 1,2 * * *", "*/20 * * * * * *"}).Draw(t, "cron")},
			TimeZone: new(rapid.SampledFrom([]string{"UTC", "America/New_York", "Australia/Lord_Howe"}).Draw(t, "zone")),
		},
	}
}

// model is a periodic job, looked at now and then by a server whose clock may be wrong.
type model struct {
	job      *api.Job
	record   *api.PeriodicLaunch
	now      time.Time
	started  time.Time // when the schedule last began, by the clock
	launched map[int64]int
}

// look makes a pass, as often as the plan asks for it at once.
func (m *model) look(t *rapid.T) {
	for passes := 0; ; passes++ {
		p, err := decide(m.job, m.record, m.now)
		if err != nil {
			t.Fatal(err)
		}
		if p.record == nil {
			return
		}
		if passes == 2 {
			t.Fatalf("at %s there is still something to write: %+v after %+v", m.now, p.record, m.record)
		}
		if !p.due.IsZero() {
			m.check(t, p)
		}
		m.record = p.record
	}
}

// check looks at a launch: it is due, after all that were made before, and the latest.
func (m *model) check(t *rapid.T, p plan) {
	schedule, err := cron.Of(m.job.Periodic)
	if err != nil {
		t.Fatal(err)
	}
	if p.due.After(m.now) || !p.due.After(m.started) {
		t.Fatalf("launched for %s at %s, where the schedule began at %s", p.due, m.now, m.started)
	}
	if again := schedule.Next(p.due.Add(-time.Nanosecond)); !again.Equal(p.due) {
		t.Fatalf("%s is no time of the schedule: %s is", p.due, again)
	}
	if missed := schedule.Next(p.due); !missed.IsZero() && !missed.After(m.now) {
		t.Fatalf("launched for %s at %s, though %s is later and due", p.due, m.now, missed)
	}
	if m.launched[p.due.Unix()]++; m.launched[p.due.Unix()] > 1 {
		t.Fatalf("launched twice for %s", p.due)
	}
}

// Whatever is done to a job and to the clock: a launch is for a moment of its schedule
// that has come, is made once, and nothing else is launched for what was missed.
func TestNothingIsLaunchedTwiceNorBeforeItIsDue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		begin := time.Date(2026, 3, 8, 4, 0, 0, 0, time.UTC).Add(time.Duration(rapid.Int64Range(0, int64(6*time.Hour)).Draw(t, "begin")))
		m := &model{job: anyJob(t, begin), now: begin, started: begin, launched: map[int64]int{}}
		t.Repeat(map[string]func(*rapid.T){
			"time passes, seen":     func(t *rapid.T) { m.pass(t, 3*time.Minute); m.look(t) },
			"time passes, unseen":   func(t *rapid.T) { m.pass(t, 5*time.Hour) },
			"a new leader looks":    func(t *rapid.T) { m.look(t) },
			"the clock jumps ahead": func(t *rapid.T) { m.pass(t, 50*time.Minute); m.look(t) },
			"the clock is put back": func(t *rapid.T) {
				// Further back the record counts no more; then the children that are there do.
				most := farAhead
				if m.record != nil {
					most -= max(0, time.Unix(0, m.record.Due).Sub(m.now))
				}
				m.now = m.now.Add(-time.Duration(rapid.Int64Range(0, int64(most)).Draw(t, "back")))
				m.look(t)
			},
			"the job changes": func(t *rapid.T) {
				m.look(t)
				changed := *m.job
				changed.SubmitTime, changed.Priority = new(m.now.UnixNano()), new(rapid.IntRange(1, 100).Draw(t, "priority"))
				m.job = &changed
				m.look(t)
			},
			"": func(t *rapid.T) {
				p, err := decide(m.job, m.record, m.now)
				if err != nil {
					t.Fatal(err)
				}
				if p.again <= 0 || p.again > lookAgain {
					t.Fatalf("looks again after %s", p.again)
				}
			},
		})
	})
}

func (m *model) pass(t *rapid.T, most time.Duration) {
	m.now = m.now.Add(time.Duration(rapid.Int64Range(0, int64(most)).Draw(t, "passes")))
}

// A clock that goes on in small steps, with a look at each, launches every moment of the
// schedule: nothing is left out, and nothing gets stuck after the clock was put back.
func TestNothingIsLeftOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		begin := time.Date(2026, 3, 8, 5, 30, 0, 0, time.UTC)
		m := &model{job: anyJob(t, begin), now: begin, started: begin, launched: map[int64]int{}}
		m.look(t)
		if ahead := rapid.SampledFrom([]time.Duration{0, 30 * time.Minute, 400 * 24 * time.Hour}).Draw(t, "wrong for a while"); ahead > 0 {
			m.now = m.now.Add(ahead)
			m.look(t)
			m.now = m.now.Add(-ahead)
		}
		schedule, err := cron.Of(m.job.Periodic)
		if err != nil {
			t.Fatal(err)
		}
		from := m.now
		for end := m.now.Add(90 * time.Minute); m.now.Before(end); m.now = m.now.Add(10 * time.Second) {
			m.look(t)
		}
		for due := schedule.Next(from.Add(farAhead)); due.Before(m.now); due = schedule.Next(due) {
			if m.launched[due.Unix()] != 1 {
				t.Fatalf("launched %d times for %s", m.launched[due.Unix()], due)
			}
		}
	})
}

func TestADisabledOrStoppedJobForgetsItsSchedule(t *testing.T) {
	now := time.Date(2026, 3, 8, 5, 30, 0, 0, time.UTC)
	record := &api.PeriodicLaunch{Namespace: "default", JobID: "j", Schedule: "0 * * * *; UTC", Due: now.UnixNano()}
	for name, job := range map[string]*api.Job{
		"stopped":  {Stop: new(true), Periodic: &api.PeriodicConfig{}},
		"disabled": {Periodic: &api.PeriodicConfig{Enabled: new(false)}},
		"waits":    {Periodic: &api.PeriodicConfig{}, ParameterizedJob: &api.ParameterizedJobConfig{}},
	} {
		p, err := decide(job, record, now.Add(3*time.Hour))
		if err != nil || p.record == nil || p.record.Schedule != "" || !p.due.IsZero() || p.again != 0 {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
		if again, err := decide(job, p.record, now); err != nil || fmt.Sprint(again) != fmt.Sprint(plan{}) {
			t.Errorf("%s: %+v, %v", name, again, err)
		}
	}
}
