package checks

import (
	"time"

	"github.com/droverhq/drover/api"
)

// Spec is one check, with everything in it replaced by what it stands for.
type Spec struct {
	ID      string // unique on the node
	Type    string // api.CheckHTTP or api.CheckTCP
	Address string // host:port

	// Of an HTTP check.
	Scheme        string // http or https
	Path          string // with a query, if there is one
	Method        string
	Header        map[string][]string
	Body          string
	TLSServerName string
	TLSSkipVerify bool

	Interval time.Duration // between two results
	Timeout  time.Duration
	Initial  string // its status before there is a result
	// Limit is how many failures in a row mean that the task is to be restarted; 0: it
	// never is. Those do not count that come within Grace of the start.
	Limit int
	Grace time.Duration
	// Start tells one start of what is checked from the next: from a new one on, Grace
	// counts again.
	Start int
}

// Outcome is what making a check once came to.
type Outcome struct {
	OK     bool
	Code   int // of the HTTP answer, if there was one
	Output string
}

// Result is how a check does.
type Result struct {
	ID     string // of the check
	Status string
	Since  time.Time // of the first result of that status
	// First and Last are what came of it first with that status, and at last.
	First, Last Outcome
	At          time.Time // of Last; zero: the check has not been made yet
}

// The pause before a new check that failed is tried again: it doubles from firstTry up
// to the interval.
const firstTry = 100 * time.Millisecond

// state is how one check does, and when it is made again.
type state struct {
	spec     Spec
	result   Result
	began    time.Time // what is checked, as far as is known
	added    time.Time
	tries    int // failures since it is new
	failures int // in a row, that count for Limit
	next     time.Time
}

func newState(s Spec, now time.Time) *state {
	st := &state{spec: s, began: now, added: now, next: now}
	st.result = Result{ID: s.ID, Status: api.CheckPending, Since: now}
	if s.Initial != "" {
		st.result.Status = s.Initial
	}
	return st
}

// restarted notes that what is checked has been started again.
func (s *state) restarted(start int, now time.Time) {
	s.spec.Start, s.began, s.failures = start, now, 0
}

// take takes what making the check came to and says when to make it again. It reports
// whether its status has turned, and whether what is checked is to be restarted. begun
// is when it was made.
func (s *state) take(o Outcome, begun, now time.Time) (turned, restart bool) {
	s.result.Last, s.result.At = o, now
	s.next = begun.Add(s.spec.Interval)
	if s.next.Before(now) {
		s.next = now
	}
	status := api.CheckSuccess
	if !o.OK {
		status = api.CheckFailure
		if s.result.Status == api.CheckPending && now.Before(s.added.Add(s.spec.Interval)) {
			s.next = now.Add(min(firstTry<<min(s.tries, 10), s.spec.Interval))
			s.tries++
			return false, false
		}
	}
	if turned = status != s.result.Status; turned {
		s.result.Status, s.result.Since, s.result.First = status, now, o
	}
	return turned, s.count(o, now)
}

// count reports whether this was the failure too many.
func (s *state) count(o Outcome, now time.Time) bool {
	switch {
	case o.OK:
		s.failures = 0
	case s.spec.Limit > 0 && !now.Before(s.began.Add(s.spec.Grace)):
		s.failures++
	}
	if s.spec.Limit == 0 || s.failures < s.spec.Limit {
		return false
	}
	s.failures = 0
	return true
}
