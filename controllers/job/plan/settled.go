package plan

import (
	"slices"

	"github.com/droverhq/drover/api"
)

// Settled is what a pass is told of the instances of a group that it does not look at, as
// nothing is to be done about them: each is of the current version, holds a slot that
// nobody else claims, and runs and is healthy, or is done.
type Settled struct {
	Slots   SlotSet // that they hold
	Running int     // how many run
	Ended   int     // how many are done
	Begun   bool    // some instance of the group is, or was, of the current version
}

// Count is how many they are. s may be nil.
func (s *Settled) Count() int {
	if s == nil {
		return 0
	}
	return s.Running + s.Ended
}

// runs is how many of them run. s may be nil.
func (s *Settled) runs() int {
	if s == nil {
		return 0
	}
	return s.Running
}

// holds reports whether a slot has one of them. s may be nil.
func (s *Settled) holds(slot int) bool { return s != nil && s.Slots.Has(slot) }

// MayReadPart reports whether a pass can do without looking at settled instances: nothing
// is done to them as long as they stay as they are.
func (v *View) MayReadPart() bool {
	return !v.Stopped() && !v.late() && !v.Waits() && !v.Job.IsSystem() && !v.Job.IsTemplate()
}

// Rolling reports whether a rollout goes on: it asks how each instance that lives is, so
// that nobody is settled meanwhile.
func (v *View) Rolling() bool {
	return slices.ContainsFunc(v.deployments, (*api.Deployment).Active)
}

// contested reports whether somebody claims the slot of a settled instance.
func (v *View) contested() bool {
	for n := range v.Instances {
		i := &v.Instances[n]
		if g := v.Job.Group(i.TaskGroup); g != nil && v.settled[i.TaskGroup].holds(i.Slot) && v.holds(g, i) {
			return true
		}
	}
	return false
}

// OutOfPlay reports whether an instance, of a group that the job has, neither runs nor holds
// a slot, and never will again.
func (v *View) OutOfPlay(i *Instance) bool {
	return !i.Live() && !v.mayReturn(i) && !v.holds(v.Job.Group(i.TaskGroup), i)
}

// Live is how many instances run, or are to, as far as is known.
func (v *View) Live() int {
	n := 0
	for _, s := range v.settled {
		n += s.runs()
	}
	for i := range v.Instances {
		if v.Instances[i].Live() {
			n++
		}
	}
	return n
}

// Untouched reports whether the job never had an instance, or none is left.
func (v *View) Untouched() bool {
	for _, s := range v.settled {
		if s.Count() > 0 {
			return false
		}
	}
	return len(v.Instances) == 0
}
