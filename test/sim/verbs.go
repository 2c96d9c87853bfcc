package sim

import (
	"time"

	"github.com/droverhq/drover/nodeagent/alloc"
	"github.com/droverhq/drover/nodeagent/driver"
)

// verb is a kind of op.
type verb struct {
	// do makes it happen; false: it can't, now, and nothing did.
	do func(w *World, o Op) bool
	// hasty: the next op may come before all that follows has happened.
	hasty bool
}

// verbs returns all kinds of ops.
func verbs() map[string]verb {
	return map[string]verb{
		"apply":       {(*World).apply, true},
		"dispatch":    {(*World).dispatch, true},
		"stop":        {(*World).stopJob, true},
		"evaluate":    {(*World).evaluate, true},
		"stop-alloc":  {(*World).stopAllocation, true},
		"gc":          {(*World).collect, true},
		"eligibility": {(*World).setEligibility, true},

		"drain":   {(*World).drain, true},
		"purge":   {(*World).purge, true},
		"scale":   {(*World).scale, true},
		"steer":   {(*World).steer, true},
		"revert":  {(*World).revert, true},
		"volume":  {(*World).volume, true},
		"detach":  {(*World).detach, true},
		"unstick": {(*World).unstick, true},
		"tag":     {(*World).tag, true},
		"untag":   {(*World).untag, true},

		"node":       {(*World).bootNode, true},
		"crash":      {(*World).crashNode, true},
		"leave":      {(*World).leaveNode, true},
		"disconnect": {(*World).disconnectNode, true},
		"connect":    {(*World).connectNode, true},
		"exit":       {(*World).exitTask, true},

		"takeover": {(*World).takeOver, true},
		"hurt":     {(*World).hurtLeader, true},
		"advance":  {(*World).wait, false},
		"rest":     {(*World).rest, false},
		"end":      {(*World).end, false},
	}
}

// bootNode has a machine join, or start again: node n1 cpu=1000 rack=a [wiped].
func (w *World) bootNode(o Op) bool {
	a := w.fleet.find(o.target())
	switch {
	case a == nil:
		rack := o.value("rack")
		if rack == "" {
			rack = "a"
		}
		a = w.fleet.add(o.target(), newNode(o.target(), o.int("cpu", 1000), o.int("mem", 1000), rack))
	case a.up:
		return false
	}
	a.boot(o.has("wiped"))
	a.connect()
	return true
}

// crashNode ends a machine with all that runs on it.
func (w *World) crashNode(o Op) bool {
	a := w.fleet.find(o.target())
	if a == nil || !a.up {
		return false
	}
	a.crash()
	return true
}

// leaveNode shuts a machine down in order.
func (w *World) leaveNode(o Op) bool {
	a := w.fleet.find(o.target())
	if a == nil || !a.up {
		return false
	}
	a.disconnect(true)
	a.up = false
	return true
}

// disconnectNode cuts a node off; what runs on it runs on.
func (w *World) disconnectNode(o Op) bool {
	a := w.fleet.find(o.target())
	if a == nil || !a.up || !a.connected {
		return false
	}
	a.disconnect(false)
	return true
}

func (w *World) connectNode(o Op) bool {
	a := w.fleet.find(o.target())
	if a == nil || !a.up || a.connected {
		return false
	}
	a.connect()
	return true
}

// exitTask ends a task of an instance of a job by itself: exit s1 code=1.
func (w *World) exitTask(o Op) bool {
	al := w.pick(w.model.running(o.target()))
	if al == nil {
		return false
	}
	for _, a := range w.fleet.agents {
		i := a.instances[al.ID]
		if i == nil || !a.up || a.facts.ID != al.NodeID {
			continue
		}
		_, attempt, _, ok := i.life.Task("app")
		if !ok {
			return false
		}
		a.step(i, alloc.Exited{Task: "app", Attempt: attempt, Result: driver.ExitResult{ExitCode: o.int("code", 1)}})
		a.tick()
		return true
	}
	return false
}

// takeOver has another server lead, whose clock may be ahead or behind: takeover skew=5s.
func (w *World) takeOver(o Op) bool {
	w.breaks(w.lead(o.duration("skew", 0)))
	return true
}

// hurtLeader has something go wrong with a transaction of the leader: hurt before in=3.
func (w *World) hurtLeader(o Op) bool {
	w.hurt = hurt{how: o.target(), in: o.int("in", 0)}
	return true
}

// wait lets time pass: advance 30s.
func (w *World) wait(o Op) bool {
	d, err := time.ParseDuration(o.target())
	if err != nil {
		w.breaks(err)
		return false
	}
	w.advance(d)
	return true
}
