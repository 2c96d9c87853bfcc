package sim

import (
	"fmt"
	"time"

	"github.com/droverhq/drover/api"
)

const (
	// deadThreshold is how long a dead job stays that has no time of its own.
	deadThreshold = 4 * time.Hour
	// keptLooks is how often a job is looked at that should be gone, but is needed.
	keptLooks = 10 * time.Second
)

// limit sets what bounds the life of a batch job: deadline=1m ttl=10m.
func limit(o Op, j *api.Job) {
	if !j.IsBatch() {
		return
	}
	if o.value("deadline") != "" {
		j.Deadline = new(o.duration("deadline", time.Minute))
	}
	if o.value("ttl") != "" {
		j.TTLAfterFinished = new(o.duration("ttl", time.Minute))
	}
}

// deadline is when a job has to have ended, if there is such a moment.
func (j *jobView) deadline() (at time.Time, ok bool) {
	if j.job == nil || j.job.Deadline == nil || j.job.IsTemplate() {
		return at, false
	}
	return time.Unix(0, *j.job.SubmitTime).Add(*j.job.Deadline), true
}

// overdue reports whether the deadline of a job has passed.
func (j *jobView) overdue(now time.Time) bool {
	at, ok := j.deadline()
	return ok && !now.Before(at)
}

// statusBefore returns the status that a job had before a transaction, or nil.
func (j *jobView) statusBefore(changes []change) *api.JobStatus {
	for _, c := range changes {
		if s, ok := orOld(c).(*api.JobStatus); ok && s.JobID == j.id {
			before, _ := c.old.(*api.JobStatus)
			return before
		}
	}
	return j.status
}

// nothingBeginsTooLate: nothing is placed of a job whose deadline has passed, or once
// had, by the clock of an earlier leader.
func nothingBeginsTooLate(m *model, changes []change) error {
	if m.world.arriving {
		return nil // it was written before
	}
	for _, a := range created(changes) {
		j := m.jobOf(a.JobID)
		at, ok := j.deadline()
		if !ok {
			continue
		}
		before := j.statusBefore(changes)
		if !m.world.leader.Now().Before(at) || before.Ended(*j.job.Version) && before.EndedAt >= at.UnixNano() {
			return fmt.Errorf("%s is placed, and its job should have ended by now", a.Name)
		}
	}
	return nil
}

// overdueJobsAreDead: a job whose deadline has passed is dead, and has failed unless it
// ended before.
func overdueJobsAreDead(m *model) error {
	now := m.world.leader.Now()
	for _, j := range m.jobs {
		if !j.overdue(now) || j.job.Stopped() || j.status == nil {
			continue
		}
		at, _ := j.deadline()
		s := j.status
		if s.Status != api.JobStatusDead {
			return fmt.Errorf("job %s is %s %v after its deadline", j.id, s.Status, now.Sub(at))
		}
		if s.EndedAt >= at.UnixNano() && s.Outcome != api.JobOutcomeFailed {
			return fmt.Errorf("job %s ended after its deadline, and says %q", j.id, s.Outcome)
		}
		for _, a := range j.allocs {
			if a.live() && a.CreateIndex >= *j.job.CreateIndex {
				return fmt.Errorf("%s (%s) is to run %v after the deadline of its job", a.Name, short(a.ID), now.Sub(at))
			}
		}
	}
	return nil
}

// noJobGoesBeforeItsTime: controllers remove a dead job only when so much time has passed
// since it ended as it says itself, or else as all have.
func noJobGoesBeforeItsTime(m *model, changes []change) error {
	for _, c := range changes {
		j, ok := c.old.(*api.Job)
		if !ok || c.new != nil || byHand(c.who) || m.world.arriving {
			continue
		}
		var ended int64
		if s := m.jobOf(*j.ID).statusBefore(changes); s != nil {
			ended = s.EndedAt
		}
		stays := deadThreshold
		if j.TTLAfterFinished != nil {
			stays = *j.TTLAfterFinished
		} else {
			ended = max(ended, *j.SubmitTime)
		}
		if gone := m.world.leader.Now().Sub(time.Unix(0, ended)); gone < stays {
			return fmt.Errorf("job %s is removed %v after it ended, it stays for %v", *j.ID, gone, stays)
		}
	}
	return nil
}

// finishedJobsGoInTime: a job that says for how long it stays when it has ended is gone by
// then, unless somebody needs it.
func finishedJobsGoInTime(m *model) error {
	now := m.world.leader.Now()
	for _, j := range m.jobs {
		if !j.finished(now) || m.needed(j) {
			j.lingers = time.Time{}
			continue
		}
		if j.lingers.IsZero() {
			j.lingers = m.world.now
		}
		if late := m.world.now.Sub(j.lingers); late > keptLooks+retryWithin {
			return fmt.Errorf("job %s has ended, stays for %v, and is there %v later", j.id, *j.job.TTLAfterFinished, late)
		}
	}
	return nil
}

// finished reports whether the time of a job after its end has passed.
func (j *jobView) finished(now time.Time) bool {
	if j.job == nil || j.job.TTLAfterFinished == nil || j.job.IsTemplate() && !j.job.Stopped() || !j.status.Ended(*j.job.Version) {
		return false
	}
	return !now.Before(time.Unix(0, j.status.EndedAt).Add(*j.job.TTLAfterFinished))
}

// needed reports whether something of a dead job is under way, or somebody wants it kept.
func (m *model) needed(j *jobView) bool {
	for _, a := range j.allocs {
		if !a.ended() {
			return true
		}
	}
	for _, d := range j.deployments {
		if d.Active() {
			return true
		}
	}
	for _, e := range m.evals {
		if e.JobID == j.id && !e.Terminal() {
			return true
		}
	}
	for _, other := range m.jobs {
		if other.childOf(j.id) && (other.status == nil || other.status.Status != api.JobStatusDead) {
			return true
		}
	}
	return j.tagged() || m.awaits(j.id) != ""
}

// awaits returns a job that waits for another one and was not let in, or "".
func (m *model) awaits(id string) string {
	for _, j := range m.jobs {
		if j.job == nil || j.job.Stopped() || m.admitted(j) {
			continue
		}
		for _, d := range j.job.DependsOn {
			if d.Job == id {
				return j.id
			}
		}
	}
	return ""
}
