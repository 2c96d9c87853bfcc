package periodic

import (
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/cron"
)

const (
	// lookAgain is how long at most a job is left alone: clocks jump, and timers do not
	// notice.
	lookAgain = time.Minute
	// farAhead is how far ahead a launch may lie that was made before the clock was put
	// back and still counts. Corrections of a clock that is kept by a time server are
	// much smaller.
	farAhead = time.Hour
)

// plan is what is to be done about a periodic job.
type plan struct {
	// record is the PeriodicLaunch as it should be; nil if it is so already.
	record *api.PeriodicLaunch
	// due is the moment for which a child has to be made; zero if none is due.
	due time.Time
	// again is how long from now there is something to do next; 0: nothing until
	// somebody changes something.
	again time.Duration
}

// decide compares what was launched of a job with what is due. record, what was
// launched, is nil if the job is seen for the first time.
func decide(job *api.Job, record *api.PeriodicLaunch, now time.Time) (plan, error) {
	if !job.LaunchesOnTime() {
		return rest(record), nil
	}
	schedule, err := cron.Of(job.Periodic)
	if err != nil {
		return plan{}, err
	}
	next := follow(job, record, now)
	var p plan
	from := time.Unix(0, next.Due)
	if p.due = schedule.Latest(from, now); !p.due.IsZero() {
		next.Due, from = p.due.UnixNano(), p.due
	}
	if record == nil || *next != *record {
		p.record = next
	}
	if now.After(from) {
		from = now
	}
	if coming := schedule.Next(from); !coming.IsZero() {
		p.again = min(coming.Sub(now), lookAgain)
	}
	return p, nil
}

// rest is what to do about a job that launches nothing: forget its schedule, so that
// nothing is made up for when it goes on.
func rest(record *api.PeriodicLaunch) plan {
	if record == nil || record.Schedule == "" {
		return plan{}
	}
	next := *record
	next.Schedule, next.PassedOver = "", ""
	return plan{record: &next}
}

// follow returns the record of the schedule that a job has now.
func follow(job *api.Job, record *api.PeriodicLaunch, now time.Time) *api.PeriodicLaunch {
	next := &api.PeriodicLaunch{Namespace: api.Deref(job.Namespace), JobID: api.Deref(job.ID)}
	if record != nil {
		*next = *record
	}
	if schedule := job.Periodic.Schedule(); next.Schedule != schedule {
		next.Schedule, next.Due, next.PassedOver = schedule, api.Deref(job.SubmitTime), ""
	}
	if time.Unix(0, next.Due).Sub(now) > farAhead {
		next.Due = now.UnixNano()
	}
	return next
}
