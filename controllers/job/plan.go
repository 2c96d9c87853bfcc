package job

import (
	"slices"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
)

// plan is what a pass will do to a job, before anything has been placed.
type plan struct {
	groups []*groupPlan
	// rollout is the deployment that instances placed or updated now belong to; nil
	// if none goes on. fresh says that this pass makes it, revised that it changes it.
	rollout        *api.Deployment
	fresh, revised bool
	cancelled      []*api.Deployment // as they will be
	// failure says why the job is given up; empty if it is not.
	failure string
}

// groupPlan is what a pass does to one task group.
type groupPlan struct {
	name  string
	group *api.TaskGroup // nil: the job has no such group any more
	wants []want         // to be placed, those that should get room first ahead
	more  int            // are wanted besides, and stand behind them
	// inPlace are raised to the current version where they are, stop are stopped
	// without a successor, kept have returned and need none any more.
	inPlace, stop, kept []*instance
	counts              api.DesiredUpdates
	// awaits says that some instance will be replaced later, or may come back.
	awaits bool
	// again is when more may be done although nothing changes; zero: never.
	again time.Time
	// progress is how far an indexed group is after the pass; nil for other groups.
	progress *api.IndexProgress
	// failed says that some instance has failed for good, or is lost and is not replaced.
	failed bool
	// held is how many instances are not placed because the job has to wait for others.
	held int
	// nowhere says why no node is right for the group of a system job.
	nowhere *api.AllocationMetric
}

// gang reports whether the instances of a group are placed together or not at all.
func (g *groupPlan) gang() bool { return g.group != nil && api.Deref(g.group.Gang) }

// want is an instance that has to be placed.
type want struct {
	name string
	node string    // that it is for, in a system job
	prev *instance // that it follows, or nil
	why  reason
	// older is the spec that it gets while the current version may not take the place of
	// another one; nil: the current one.
	older *api.Job
	// canary says that it tries the current version out.
	canary bool
	// from is who held its place last and left it without having been told to, or nil.
	from *instance
}

// spec returns what an instance is made of, the group as it is for that instance.
func (w *want) spec(j *api.Job, g *api.TaskGroup) (*api.Job, *api.TaskGroup) {
	if w.older != nil {
		j, g = w.older, w.older.Group(api.Deref(g.Name))
	}
	if g == nil || len(g.Volumes) == 0 {
		return j, g
	}
	return j, g.ForIndex((&api.Allocation{Name: w.name}).Index())
}

// follow notes who held a place last that nobody holds now, and whether he is
// followed.
func (w *want) follow(last *instance) {
	if last == nil || last.NextAllocation != "" {
		return
	}
	w.prev, w.from = last, last
	switch {
	case last.Lost != "":
		w.why = lost
	case api.Deref(last.DesiredTransition.Migrate):
		w.why = migrated
	case last.wasPreempted():
		w.why = preempted
	case !last.WantsRun() && !last.ended():
		w.why, w.from = resumed, nil
	case !last.WantsRun():
		w.prev, w.from = nil, nil
	default:
		w.prev = nil
	}
}

// reason is why an instance has to be placed.
type reason uint8

const (
	missing     reason = iota // nobody held its slot, or somebody who ended by himself
	lost                      // the node of its predecessor is out of contact
	rescheduled               // its predecessor failed
	migrated                  // its predecessor was asked to leave
	updated                   // its predecessor runs another version
	resumed                   // its predecessor was stopped, is wanted again, and has not ended yet
	preempted                 // its predecessor had to make room for one of higher priority
)

// ground is what a plan asks about nodes.
type ground interface {
	// Feasible returns the nodes on which an instance of the group may be placed,
	// room left aside, and what ruled out the others.
	Feasible(job *api.Job, g *api.TaskGroup) (nodes []string, why *api.AllocationMetric)
	// Suits reports whether a node meets the rules of the group, whatever its state.
	// A node of which nothing is known does.
	Suits(job *api.Job, g *api.TaskGroup, node string) bool
}

// decide compares what a job wants with what it has.
func decide(v *view, nodes ground, newID func() string) *plan {
	p := &plan{}
	current := p.retire(v)
	byGroup := make(map[string][]*instance)
	for i := range v.instances {
		in := &v.instances[i]
		byGroup[in.TaskGroup] = append(byGroup[in.TaskGroup], in)
	}
	if !v.stopped() && !v.job.IsTemplate() && !v.late() {
		p.groups = p.run(v, byGroup, nodes, current, newID)
		p.giveUp(byGroup)
	} else if v.job != nil {
		for _, g := range v.job.TaskGroups {
			p.groups = append(p.groups, &groupPlan{name: api.Deref(g.Name), group: g})
		}
		p.stopAll(byGroup)
	}
	p.stopRest(byGroup)
	return p
}

// run plans the groups of a job that should run.
func (p *plan) run(v *view, byGroup map[string][]*instance, nodes ground, current *api.Deployment, newID func() string) []*groupPlan {
	tallies := make([]*tally, 0, len(v.job.TaskGroups))
	for _, g := range v.job.TaskGroups {
		of := byGroup[api.Deref(g.Name)]
		if isIndexed(g) {
			tallies = append(tallies, &tally{group: g, name: api.Deref(g.Name)})
		} else if v.job.IsSystem() {
			tallies = append(tallies, countNodes(v, g, of, nodes))
		} else {
			tallies = append(tallies, countSlots(v, g, of, nodes, current))
		}
	}
	if current == nil && !v.waits() {
		current = p.start(v, tallies, newID)
	} else if current != nil {
		current = p.revise(v, current, tallies)
	}
	if current != nil && current.Active() {
		p.rollout = current
	}
	groups := make([]*groupPlan, 0, len(tallies))
	for _, t := range tallies {
		var g *groupPlan
		if isIndexed(t.group) {
			g = planIndexed(v, t.group, byGroup[t.name], nodes)
		} else {
			g = t.settle(v, current)
		}
		if v.waits() {
			g.hold()
		}
		groups = append(groups, g)
	}
	return groups
}

// stopAll stops what runs of the planned groups.
func (p *plan) stopAll(byGroup map[string][]*instance) {
	for _, g := range p.groups {
		g.stopLive(byGroup[g.name])
	}
}

// stopRest stops what runs of groups that the job does not have, or no longer.
func (p *plan) stopRest(byGroup map[string][]*instance) {
	planned := make(map[string]bool, len(p.groups))
	for _, g := range p.groups {
		planned[g.name] = true
	}
	for name, of := range byGroup {
		if planned[name] {
			continue
		}
		g := &groupPlan{name: name}
		if g.stopLive(of); len(g.stop) > 0 {
			p.groups = append(p.groups, g)
		}
	}
	slices.SortStableFunc(p.groups[len(planned):], func(a, b *groupPlan) int { return strings.Compare(a.name, b.name) })
}

// again is how long after now more may be done although nothing changes; 0: never.
func (p *plan) again(now time.Time) time.Duration {
	var first time.Time
	for _, g := range p.groups {
		first = sooner(first, g.again)
	}
	if first.IsZero() {
		return 0
	}
	return first.Sub(now)
}

// awaits reports whether some instance is going to be replaced later, or may come
// back.
func (p *plan) awaits() bool {
	for _, g := range p.groups {
		if g.awaits {
			return true
		}
	}
	return false
}

func (g *groupPlan) stopLive(of []*instance) {
	for _, i := range of {
		if i.live() {
			g.stop = append(g.stop, i)
		}
	}
	g.counts.Stop = uint64(len(g.stop))
}
