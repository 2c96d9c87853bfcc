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

// Check is how one check does, and when it is made again: values only, for whoever
// makes it. It is for one goroutine at a time.
type Check struct {
	spec     Spec
	result   Result
	began    time.Time // what is checked, as far as is known
	added    time.Time
	tries    int // failures since it is new
	failures int // in a row, that count for Limit
	next     time.Time
}

// NewCheck returns a check that has not been made yet, and is to be made now.
func NewCheck(s Spec, now time.Time) *Check {
	c := &Check{spec: s, began: now, added: now, next: now}
	c.result = Result{ID: s.ID, Status: api.CheckPending, Since: now}
	if s.Initial != "" {
		c.result.Status = s.Initial
	}
	return c
}

// Spec returns what is checked. Its Limit and Grace may be changed.
func (c *Check) Spec() *Spec { return &c.spec }

// Result returns how it does.
func (c *Check) Result() Result { return c.result }

// Due returns when it is to be made next.
func (c *Check) Due() time.Time { return c.next }

// Restarted notes that what is checked has been started again.
func (c *Check) Restarted(start int, now time.Time) {
	c.spec.Start, c.began, c.failures = start, now, 0
}

// Take takes what making the check came to and says when to make it again. It reports
// whether its status has turned, and whether what is checked is to be restarted. begun
// is when it was made.
func (c *Check) Take(o Outcome, begun, now time.Time) (turned, restart bool) {
	c.result.Last, c.result.At = o, now
	c.next = begun.Add(c.spec.Interval)
	if c.next.Before(now) {
		c.next = now
	}
	status := api.CheckSuccess
	if !o.OK {
		status = api.CheckFailure
		if c.result.Status == api.CheckPending && now.Before(c.added.Add(c.spec.Interval)) {
			c.next = now.Add(min(firstTry<<min(c.tries, 10), c.spec.Interval))
			c.tries++
			return false, false
		}
	}
	if turned = status != c.result.Status; turned {
		c.result.Status, c.result.Since, c.result.First = status, now, o
	}
	return turned, c.count(o, now)
}

// count reports whether this was the failure too many.
func (c *Check) count(o Outcome, now time.Time) bool {
	switch {
	case o.OK:
		c.failures = 0
	case c.spec.Limit > 0 && !now.Before(c.began.Add(c.spec.Grace)):
		c.failures++
	}
	if c.spec.Limit == 0 || c.failures < c.spec.Limit {
		return false
	}
	c.failures = 0
	return true
}
