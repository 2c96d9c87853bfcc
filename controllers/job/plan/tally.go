package plan

import (
	"math"
	"slices"

	"github.com/droverhq/drover/api"
)

// tally sorts the instances of a group by what has to be done about each, before it
// is asked how much of that may be done now.
type tally struct {
	group *api.TaskGroup
	name  string
	// vacant are slots that nobody holds; reschedule, migrate and destructive are to
	// get a successor each.
	vacant, reschedule, migrate, destructive []Want
	retried                                  int // of the destructive, those that failed, and run what the current version asks for
	more                                     int // further slots that nobody holds, and that are not tried this time
	inPlace, surplus                         []*Instance
	current                                  []*Instance // hold a slot at the current version
	settled                                  *Settled    // further ones, which are not looked at; may be nil
	stale                                    int         // how many hold a slot at another one, out of contact, and stay
	apart                                    []*Instance // are on nodes that take nothing now, and stay
	idle                                     []*Instance // of these and the current ones, those that failed or are lost
	begun                                    bool        // some instance is, or was, of the current version
	canaries                                 []*Instance // hold a place beside those of the older version
	gone                                     []*Instance // canaries that hold none any more
	taken                                    map[int]bool
	feasible                                 int // how many nodes are right for a system job
	nowhere                                  *api.AllocationMetric
}

func newTally(v *View, g *api.TaskGroup, of []*Instance) *tally {
	t := &tally{group: g, name: api.Deref(g.Name)}
	t.settled = v.settled[t.name]
	t.begun = t.settled != nil && t.settled.Begun
	for _, i := range of {
		if v.OfCurrent(i) {
			t.begun = true
			break
		}
	}
	return t
}

// countSlots makes the tally of a group that has a count. current is the deployment of
// the job's version, if there is one.
func countSlots(v *View, g *api.TaskGroup, of []*Instance, nodes Ground, current *api.Deployment) *tally {
	t := newTally(v, g, of)
	s := assign(v, g, t.setApart(v, of, current))
	t.surplus = append(t.surplus, s.surplus...)
	fates := fates{view: v, group: g, nodes: nodes}
	vacant := s.vacant
	if v.tries(g) < len(vacant) {
		t.more, vacant = len(vacant)-v.tries(g), vacant[:v.tries(g)]
	}
	t.vacant = make([]Want, 0, len(vacant))
	for _, slot := range vacant {
		t.vacate(Want{Name: api.AllocName(v.Req.ID, t.name, slot)}, s.past[slot])
	}
	for _, h := range s.holders {
		t.sort(h, Want{Name: h.Name, Prev: h, from: h}, &fates)
	}
	t.taken = make(map[int]bool, len(s.holders))
	for _, h := range s.holders {
		t.taken[h.Slot] = true
	}
	return t
}

// backlogTried is how many instances of a batch group that waits for room already are
// tried in one pass: more than commonly find room at once, few against a long backlog.
const backlogTried = 500

// tries is how many instances of a group are placed in one pass at most.
func (v *View) tries(g *api.TaskGroup) int {
	if !v.Job.IsBatch() || len(v.Blocked) == 0 || api.Deref(g.Gang) || v.AtOnce() {
		return math.MaxInt
	}
	return backlogTried
}

// vacate notes a slot that nobody holds, and who held it last, if anybody.
func (t *tally) vacate(w Want, last *Instance) {
	w.follow(last)
	t.vacant = append(t.vacant, w)
}

// sort notes who holds a slot, and by whom he would be followed.
func (t *tally) sort(h *Instance, next Want, f *fates) {
	switch fate := f.of(h); {
	case h.replaceable():
		next.Why = Rescheduled
		t.reschedule = append(t.reschedule, next)
	case h.Leaving():
		next.Why = Migrated
		t.migrate = append(t.migrate, next)
	case h.JobVersion == f.view.Current():
		t.current = append(t.current, h)
		if h.failed() || h.Lost != "" {
			t.idle = append(t.idle, h)
		}
	case fate == replace:
		next.Why = Updated
		t.destructive = append(t.destructive, next)
	case h.failed():
		next.Why = Updated
		t.destructive = append(t.destructive, next)
		t.retried++
	case h.Lost != "":
		t.stale++
		t.idle = append(t.idle, h)
	default:
		t.inPlace = append(t.inPlace, h)
	}
}

// due is how many instances a deployment of the current version has, or is to have.
// For one that does not exist yet, d is nil.
func (t *tally) due(d *api.Deployment) int {
	n := len(t.vacant) + len(t.reschedule) + len(t.migrate) + len(t.destructive) + len(t.inPlace)
	if d != nil {
		for _, i := range t.current {
			if i.DeploymentID == d.ID {
				n++
			}
		}
	}
	return n
}

// fate is what happens to an instance of an older version.
type fate uint8

const (
	keep    fate = iota // it is raised to the current version where it is
	replace             // it needs a successor
)

// fates remembers what changed since each older version.
type fates struct {
	view    *View
	group   *api.TaskGroup
	nodes   Ground
	changes map[uint64]change
}

func (f *fates) of(i *Instance) fate {
	if i.JobVersion == f.view.Current() {
		return keep
	}
	c, known := f.changes[i.JobVersion]
	if !known {
		c = compare(f.view.version(i.JobVersion), f.view.Job, i.TaskGroup)
		if f.changes == nil {
			f.changes = make(map[uint64]change)
		}
		f.changes[i.JobVersion] = c
	}
	switch {
	case c == different:
		return replace
	case c == constrained && !f.nodes.Suits(f.view.Job, f.group.ForIndex(i.Index()), i.NodeID):
		return replace
	}
	return keep
}

// kept returns the instances that returned and keep their slots, though they were
// replaced. held are those of another version that stay for now.
func (t *tally) kept(held []Want) []*Instance {
	var out []*Instance
	for _, i := range slices.Concat(t.current, t.canaries) {
		if i.returned() {
			out = append(out, i)
		}
	}
	for _, w := range held {
		if w.Prev.returned() {
			out = append(out, w.Prev)
		}
	}
	return out
}

// disconnected counts the instances that hold a slot though their nodes are out of
// contact.
func (t *tally) disconnected() int {
	n := 0
	for _, i := range slices.Concat(t.current, t.apart) {
		if i.Unknown() {
			n++
		}
	}
	return n
}

// awaits reports whether an instance that holds its slot without running is going to
// be replaced later, or may come back.
func (t *tally) awaits(current *api.Deployment) bool {
	for _, i := range t.idle {
		switch {
		case i.Lost != "":
			return true
		case !mayReschedule(current, Want{Prev: i}):
		default:
			if _, ok := t.group.ReschedulePolicy.Next(i.RescheduleTracker, i.status.EndedAt()); ok {
				return true
			}
		}
	}
	return false
}
