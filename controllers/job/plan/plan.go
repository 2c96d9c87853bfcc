package plan

import (
	"slices"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
)

// Plan is what a pass will do to a job, before anything has been placed.
type Plan struct {
	// Groups are those of the job, in its order, and then, by name, those that it no longer
	// has and that still run.
	Groups []*Group
	// Rollout is the deployment that instances placed or updated now belong to, as it will
	// be; nil if none goes on. Fresh says that this pass makes it, Revised that it changes it.
	Rollout        *api.Deployment
	Fresh, Revised bool
	// Cancelled are the rollouts that this pass ends, as they will be.
	Cancelled []*api.Deployment
	// Failure says why the job is given up; empty if it is not.
	Failure string
}

// Group is what a pass does to one task group.
type Group struct {
	Name string
	Spec *api.TaskGroup // nil: the job has no such group any more
	// Wants are to be placed, those that should get room first ahead. More further ones are
	// wanted, and not tried by this pass: they come when all of Wants have found room.
	Wants []Want
	More  int
	// InPlace are raised to the current version where they are, Stop are stopped
	// without a successor, Kept have returned and need none any more.
	InPlace, Stop, Kept []*Instance
	// Counts says how many instances each of these things is done to, for users.
	Counts api.DesiredUpdates
	// Awaits says that some instance will be replaced later, or may come back.
	Awaits bool
	// Again is when more may be done although nothing changes; zero: never.
	Again time.Time
	// Failed says that some instance has failed for good, or is lost and is not replaced.
	Failed bool
	// Held is how many instances are not placed because the job has to wait for others.
	Held int
	// Nowhere says why no node is right for the group of a system job; nil if some is.
	Nowhere *api.AllocationMetric
	// progress is how far an indexed group is after the pass; nil for other groups.
	progress *api.IndexProgress
}

// Gang reports whether the instances of a group are placed together or not at all.
func (g *Group) Gang() bool { return g.Spec != nil && api.Deref(g.Spec.Gang) }

// Want is an instance that has to be placed.
type Want struct {
	Name string // of the allocation: JOB.GROUP[NUMBER]
	Node string // the ID of the node that it is for, in a system job
	// Home is the ID of the only node that will do, as a sticky volume is there; empty: any
	// will.
	Home string
	Prev *Instance // that it follows, or nil
	Why  Reason
	// Older is the spec that it gets while the current version may not take the place of
	// another one; nil: the current one.
	Older *api.Job
	// Canary says that it tries the current version out.
	Canary bool
	// from is who held its place last and left it without having been told to, or nil.
	from *Instance
}

// Spec returns what the instance is made of, the group as it is for that instance: j and g,
// which are the job and its group, unless it gets an older version or has volumes of its own.
func (w *Want) Spec(j *api.Job, g *api.TaskGroup) (*api.Job, *api.TaskGroup) {
	if w.Older != nil {
		j, g = w.Older, w.Older.Group(api.Deref(g.Name))
	}
	if g == nil || len(g.Volumes) == 0 {
		return j, g
	}
	return j, g.ForIndex(w.Index())
}

// Preferred returns the ID of the node where its predecessor's files are, if it would like
// to have them; empty: none.
func (w *Want) Preferred(j *api.Job, g *api.TaskGroup) string {
	if _, group := w.Spec(j, g); w.Prev == nil || group == nil || !group.EphemeralDisk.Stays() {
		return ""
	}
	return w.Prev.NodeID
}

// Index returns the number in the name.
func (w *Want) Index() int { return (&api.Allocation{Name: w.Name}).Index() }

// follow notes who held a place last that nobody holds now, and whether he is
// followed.
func (w *Want) follow(last *Instance) {
	if last == nil || last.NextAllocation != "" {
		return
	}
	w.Prev, w.from = last, last
	switch {
	case last.Lost != "":
		w.Why = Lost
	case api.Deref(last.DesiredTransition.Migrate):
		w.Why = Migrated
	case last.wasPreempted():
		w.Why = Preempted
	case !last.WantsRun() && !last.ended():
		w.Why, w.from = Resumed, nil
	case !last.WantsRun():
		w.Prev, w.from = nil, nil
	default:
		w.Prev = nil
	}
}

// Reason is why an instance has to be placed. But for Missing, there is a predecessor.
type Reason uint8

const (
	Missing     Reason = iota // nobody held its slot, or somebody who ended by himself
	Lost                      // the node of its predecessor is out of contact
	Rescheduled               // its predecessor failed
	Migrated                  // its predecessor was asked to leave
	Updated                   // its predecessor runs another version
	Resumed                   // its predecessor was stopped, is wanted again, and has not ended yet
	Preempted                 // its predecessor had to make room for one of higher priority
)

// Ground is what a plan asks about nodes. It is a *room.Fleet.
type Ground interface {
	// Feasible returns the nodes on which an instance of the group may be placed,
	// room left aside, and what ruled out the others.
	Feasible(job *api.Job, g *api.TaskGroup) (nodes []string, why *api.AllocationMetric)
	// Suits reports whether a node meets the rules of the group, whatever its state.
	// A node of which nothing is known does.
	Suits(job *api.Job, g *api.TaskGroup, node string) bool
}

// Decide compares what a job wants with what it has. newID makes the ID of a deployment, if
// one begins. It is called for a view that has its allocations (View.Undecided is false).
func Decide(v *View, nodes Ground, newID func() string) *Plan {
	p := &Plan{}
	current := p.retire(v)
	byGroup := make(map[string][]*Instance)
	for i := range v.Instances {
		in := &v.Instances[i]
		byGroup[in.TaskGroup] = append(byGroup[in.TaskGroup], in)
	}
	if !v.Stopped() && !v.Job.IsTemplate() && !v.late() {
		p.Groups = p.run(v, byGroup, nodes, current, newID)
		p.giveUp(byGroup)
		p.bringHome(v)
	} else if v.Job != nil {
		for _, g := range v.Job.TaskGroups {
			p.Groups = append(p.Groups, &Group{Name: api.Deref(g.Name), Spec: g})
		}
		p.stopAll(byGroup)
	}
	p.stopRest(byGroup)
	return p
}

// run plans the groups of a job that should run.
func (p *Plan) run(v *View, byGroup map[string][]*Instance, nodes Ground, current *api.Deployment, newID func() string) []*Group {
	tallies := make([]*tally, 0, len(v.Job.TaskGroups))
	for _, g := range v.Job.TaskGroups {
		of := byGroup[api.Deref(g.Name)]
		if IsIndexed(g) {
			tallies = append(tallies, &tally{group: g, name: api.Deref(g.Name)})
		} else if v.Job.IsSystem() {
			tallies = append(tallies, countNodes(v, g, of, nodes))
		} else {
			tallies = append(tallies, countSlots(v, g, of, nodes, current))
		}
	}
	if current == nil && !v.Waits() {
		current = p.start(v, tallies, newID)
	} else if current != nil {
		current = p.revise(v, current, tallies)
	}
	if current != nil && current.Active() {
		p.Rollout = current
	}
	groups := make([]*Group, 0, len(tallies))
	for _, t := range tallies {
		var g *Group
		if IsIndexed(t.group) {
			g = planIndexed(v, t.group, byGroup[t.name], nodes)
		} else {
			g = t.settle(v, current)
		}
		if v.Waits() {
			g.hold()
		}
		groups = append(groups, g)
	}
	return groups
}

// stopAll stops what runs of the planned groups.
func (p *Plan) stopAll(byGroup map[string][]*Instance) {
	for _, g := range p.Groups {
		g.stopLive(byGroup[g.Name])
	}
}

// stopRest stops what runs of groups that the job does not have, or no longer.
func (p *Plan) stopRest(byGroup map[string][]*Instance) {
	planned := make(map[string]bool, len(p.Groups))
	for _, g := range p.Groups {
		planned[g.Name] = true
	}
	for name, of := range byGroup {
		if planned[name] {
			continue
		}
		g := &Group{Name: name}
		if g.stopLive(of); len(g.Stop) > 0 {
			p.Groups = append(p.Groups, g)
		}
	}
	slices.SortStableFunc(p.Groups[len(planned):], func(a, b *Group) int { return strings.Compare(a.Name, b.Name) })
}

// Again is how long after now more may be done although nothing changes; 0: never.
func (p *Plan) Again(now time.Time) time.Duration {
	var first time.Time
	for _, g := range p.Groups {
		first = sooner(first, g.Again)
	}
	if first.IsZero() {
		return 0
	}
	return first.Sub(now)
}

// Awaits reports whether some instance of any group is going to be replaced later, or may come
// back.
func (p *Plan) Awaits() bool {
	for _, g := range p.Groups {
		if g.Awaits {
			return true
		}
	}
	return false
}

func (g *Group) stopLive(of []*Instance) {
	for _, i := range of {
		if i.Live() {
			g.Stop = append(g.Stop, i)
		}
	}
	g.Counts.Stop = uint64(len(g.Stop))
}
