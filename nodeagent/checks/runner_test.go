package checks_test

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/checks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service answers checks in virtual time, as it is told to.
type service struct {
	mu      sync.Mutex // guards the rest
	failing bool
	takes   time.Duration
	made    map[string]int // by check
	at, max int            // how many are being made, and were at most
	news    []string
}

func (s *service) probe(ctx context.Context, spec *checks.Spec) checks.Outcome {
	s.mu.Lock()
	s.made[spec.ID]++
	s.at++
	s.max = max(s.max, s.at)
	takes, failing := s.takes, s.failing
	s.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		failing = true
	}
	s.mu.Lock()
	s.at--
	s.mu.Unlock()
	return checks.Outcome{OK: !failing}
}

func (s *service) hear(n checks.News) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case n.Restart:
		s.news = append(s.news, n.Result.ID+" restart")
	case n.Turned:
		s.news = append(s.news, n.Result.ID+" "+n.Result.Status)
	}
}

// heard returns the news since the last call.
func (s *service) heard() []string {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	news := s.news
	s.news = nil
	return news
}

// counts returns how often each check was made, and how many were at a time.
func (s *service) counts() (made map[string]int, most int) {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.made), s.max
}

func (s *service) set(f func(s *service)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

// run runs a test with a runner in a bubble of virtual time.
func run(t *testing.T, parallel int, f func(r *checks.Runner, s *service)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &service{made: map[string]int{}}
		r := checks.NewRunner(checks.Options{Parallel: parallel, Probe: s.probe})
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { r.Run(ctx) })
		f(r, s)
		cancel()
		running.Wait()
	})
}

func spec(id string) checks.Spec {
	return checks.Spec{ID: id, Interval: 10 * time.Second, Timeout: 5 * time.Second}
}

func wantNews(t *testing.T, s *service, want ...string) {
	t.Helper()
	if got := s.heard(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("heard %v, want %v", got, want)
	}
}

func TestOnlyWhatTurnsIsNews(t *testing.T) {
	run(t, 0, func(r *checks.Runner, s *service) {
		r.Set("a", []checks.Spec{spec("web")}, s.hear)
		wantNews(t, s, "web success")
		time.Sleep(time.Minute)
		wantNews(t, s)
		s.set(func(s *service) { s.failing = true })
		time.Sleep(time.Minute)
		wantNews(t, s, "web failure")
		if made, _ := s.counts(); made["web"] < 12 || made["web"] > 14 {
			t.Errorf("made %d times in two minutes", made["web"])
		}
		if res := r.Results("a"); len(res) != 1 || res[0].Status != api.CheckFailure || time.Since(res[0].At) > 10*time.Second {
			t.Errorf("results %+v", res)
		}
	})
}

func TestCheckThatTakesTooLongFails(t *testing.T) {
	run(t, 0, func(r *checks.Runner, s *service) {
		s.set(func(s *service) { s.takes = time.Hour })
		r.Set("a", []checks.Spec{spec("web")}, s.hear)
		time.Sleep(20 * time.Second)
		wantNews(t, s, "web failure")
	})
}

func TestChecksThatStayGoOnWhenOthersComeAndGo(t *testing.T) {
	run(t, 0, func(r *checks.Runner, s *service) {
		r.Set("a", []checks.Spec{spec("old"), spec("gone")}, s.hear)
		s.heard()
		time.Sleep(5 * time.Second)
		r.Set("a", []checks.Spec{spec("old"), spec("new")}, s.hear)
		wantNews(t, s, "new success")
		time.Sleep(time.Minute)
		if made, _ := s.counts(); made["old"] != 7 || made["gone"] != 1 || made["new"] != 7 {
			t.Errorf("made %v", made)
		}
		r.Set("a", nil, s.hear)
		if res := r.Results("a"); len(res) != 0 {
			t.Errorf("results of no checks: %v", res)
		}
	})
}

func TestResultOfAnEarlierStartIsNoNews(t *testing.T) {
	run(t, 0, func(r *checks.Runner, s *service) {
		s.set(func(s *service) { s.takes, s.failing = 2*time.Second, true })
		one := spec("web")
		one.Limit, one.Initial = 1, api.CheckSuccess
		r.Set("a", []checks.Spec{one}, s.hear)
		time.Sleep(time.Second)
		one.Start = 2
		r.Set("a", []checks.Spec{one}, s.hear)
		s.set(func(s *service) { s.failing = false })
		time.Sleep(5 * time.Second)
		wantNews(t, s)
		if made, _ := s.counts(); made["web"] != 2 {
			t.Errorf("made %d times", made["web"])
		}
	})
}

func TestAThousandChecksAreMadeAFewAtATime(t *testing.T) {
	run(t, 16, func(r *checks.Runner, s *service) {
		s.set(func(s *service) { s.takes = 20 * time.Millisecond })
		for i := range 1000 {
			r.Set(fmt.Sprint("alloc", i), []checks.Spec{spec(fmt.Sprint("check", i))}, s.hear)
		}
		time.Sleep(65 * time.Second)
		made, most := s.counts()
		if most != 16 {
			t.Errorf("%d were made at a time", most)
		}
		for id, n := range made {
			if n < 6 || n > 7 {
				t.Errorf("%s was made %d times in 65 seconds", id, n)
			}
		}
		if len(made) != 1000 {
			t.Errorf("%d checks were made", len(made))
		}
	})
}
