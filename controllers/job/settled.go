package job

import (
	"slices"

	"github.com/droverhq/drover/api"
)

// settled is what a pass is told of the instances of a group that it does not look at, as
// nothing is to be done about them: each is of the current version, holds a slot that
// nobody else claims, and runs and is healthy, or is done.
type settled struct {
	slots slotSet // that they hold
	// running and ended are how many run, and how many are done.
	running, ended int
	begun          bool // some instance is, or was, of the current version
}

// count is how many they are. s may be nil.
func (s *settled) count() int {
	if s == nil {
		return 0
	}
	return s.running + s.ended
}

// runs is how many of them run. s may be nil.
func (s *settled) runs() int {
	if s == nil {
		return 0
	}
	return s.running
}

// holds reports whether a slot has one of them. s may be nil.
func (s *settled) holds(slot int) bool { return s != nil && s.slots.has(slot) }

// mayReadPart reports whether a pass can do without looking at settled instances: nothing
// is done to them as long as they stay as they are.
func (v *view) mayReadPart() bool {
	return !v.stopped() && !v.late() && !v.waits() && !v.job.IsSystem() && !v.job.IsTemplate()
}

// rolling reports whether a rollout goes on: it asks how each instance that lives is, so
// that nobody is settled meanwhile.
func (v *view) rolling() bool {
	return slices.ContainsFunc(v.deployments, (*api.Deployment).Active)
}

// contested reports whether somebody claims the slot of a settled instance: who stays has
// to be found out from both.
func (v *view) contested() bool {
	for n := range v.instances {
		i := &v.instances[n]
		if g := v.job.Group(i.TaskGroup); g != nil && v.settled[i.TaskGroup].holds(i.slot) && v.holds(g, i) {
			return true
		}
	}
	return false
}

// outOfPlay reports whether an instance neither runs nor holds a slot, and never will again.
func (v *view) outOfPlay(i *instance) bool {
	return !i.live() && !v.mayReturn(i) && !v.holds(v.job.Group(i.TaskGroup), i)
}

// live is how many instances run, or are to.
func (v *view) live() int {
	n := 0
	for _, s := range v.settled {
		n += s.runs()
	}
	for i := range v.instances {
		if v.instances[i].live() {
			n++
		}
	}
	return n
}

// untouched reports whether a job never had an instance, or none is left.
func (v *view) untouched() bool {
	for _, s := range v.settled {
		if s.count() > 0 {
			return false
		}
	}
	return len(v.instances) == 0
}
