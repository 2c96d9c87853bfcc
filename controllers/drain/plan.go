package drain

import (
	"time"

	"github.com/droverhq/drover/api"
)

// instance is an allocation with what its node agent says of it.
type instance struct {
	*api.Allocation
	status *api.AllocationStatus // nil: nothing yet
}

// gone reports whether nothing of it is on its node any more, or nobody can know.
func (i *instance) gone() bool { return i.status.Terminal() || i.Lost == api.AllocClientLost }

// asked reports whether it was told to migrate, now or once its successor has room.
func (i *instance) asked() bool { return api.Deref(i.DesiredTransition.Migrate) }

// patient reports whether it may stay until its successor has room.
func (i *instance) patient() bool { return api.Deref(i.DesiredTransition.MigrateWhenPlaced) }

// transition returns the allocation with what is asked of it.
func (i *instance) transition(migrate, whenPlaced *bool, now time.Time) *api.Allocation {
	a := *i.Allocation
	a.DesiredTransition.Migrate, a.DesiredTransition.MigrateWhenPlaced = migrate, whenPlaced
	a.ModifyTime = now.UnixNano()
	return &a
}

// node is what a pass over a node reads.
type node struct {
	intent *api.NodeIntent
	here   []instance // all that is, or was, on the node
}

// nodePlan is what a pass over a node does.
type nodePlan struct {
	told   []*api.Allocation // what is asked of them changes
	intent *api.NodeIntent   // as it will be; nil if it stays as it is
	again  time.Time         // when to look again; zero: when something changes
}

// plan says who has to leave the node now, beside the services that leave one by one,
// and whether it is empty.
func (n *node) plan(now time.Time) nodePlan {
	if !n.intent.Draining() {
		return nodePlan{told: n.settle(now)}
	}
	d := n.intent.DrainStrategy
	var p nodePlan
	left, others := n.left()
	switch {
	case len(left) == 0:
		p.intent = n.intent.Drained(now)
	case d.Due(now):
		p.told = leave(left, now)
	case others == 0:
		p.told = leave(left, now) // only system jobs are
		p.again = d.ForceDeadline
	default:
		p.again = d.ForceDeadline
	}
	return p
}

// left returns who is on the node and has to leave it, and how many of them are not of
// system jobs.
func (n *node) left() (left []*instance, others int) {
	for k := range n.here {
		i := &n.here[k]
		system := i.JobType == api.JobTypeSystem
		switch {
		case i.gone(), system && n.intent.DrainStrategy.IgnoreSystemJobs:
			continue
		case !system:
			others++
		}
		left = append(left, i)
	}
	return left, others
}

// leave tells instances to leave whether there is room elsewhere or not.
func leave(left []*instance, now time.Time) []*api.Allocation {
	var told []*api.Allocation
	for _, i := range left {
		if i.WantsRun() && (!i.asked() || i.patient()) {
			told = append(told, i.transition(new(true), nil, now))
		}
	}
	return told
}

// settle says what is asked of the allocations on a node that is not being drained.
// Those that a cancelled drain would have moved stay; who was placed too late to be
// seen by a drain leaves.
func (n *node) settle(now time.Time) []*api.Allocation {
	var told []*api.Allocation
	for k := range n.here {
		i := &n.here[k]
		switch {
		case !i.WantsRun() || i.gone():
		case i.patient():
			told = append(told, i.transition(nil, nil, now))
		case !i.asked() && stray(n.intent, i.Allocation):
			told = append(told, i.transition(new(true), nil, now))
		}
	}
	return told
}

// stray reports whether an allocation came to a node after its drain was complete, from
// a pass that began before it.
func stray(intent *api.NodeIntent, a *api.Allocation) bool {
	return intent != nil && !intent.Draining() && intent.Eligibility == api.NodeIneligible &&
		intent.LastDrain != nil && intent.LastDrain.Status == api.DrainComplete && a.CreateIndex > intent.ModifyIndex
}
