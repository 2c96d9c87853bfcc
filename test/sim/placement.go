package sim

import (
	"fmt"

	"github.com/droverhq/drover/api"
)

// noNodeIsOvercommitted: what is placed on a node fits, and no port or core is given twice.
// Only its successor, or who preempted it, may have the room of an instance that has not
// ended.
func noNodeIsOvercommitted(m *model, changes []change) error {
	for _, a := range created(changes) {
		if err := m.nodeOf(a.NodeID).fits(); err != nil {
			return err
		}
	}
	return nil
}

func (n *nodeView) fits() error {
	var used api.Usage
	ports := make(map[int]string)
	cores := make(map[uint16]string)
	for _, a := range n.allocs {
		if a.status.Terminal() || a.Lost == api.AllocClientLost || a.NextAllocation != "" || a.PreemptedByAllocation != "" {
			continue
		}
		used = used.Add(a.Usage)
		for _, p := range a.Ports {
			if other := ports[p.Value]; other != "" {
				return fmt.Errorf("%s and %s have port %d of %s", other, a.Name, p.Value, a.NodeName)
			}
			ports[p.Value] = a.Name
		}
		for _, grant := range a.Grants {
			for _, id := range grant.Cores {
				if other := cores[id]; other != "" {
					return fmt.Errorf("%s and %s have core %d of %s", other, a.Name, id, a.NodeName)
				}
				cores[id] = a.Name
			}
		}
	}
	if n.node == nil {
		return nil
	}
	if has := n.node.Resources; used.CPU > has.Cpu.CpuShares || used.MemoryMB > has.Memory.MemoryMB {
		return fmt.Errorf("%s has %d MHz and %d MB, %d and %d are taken", n.node.Name, has.Cpu.CpuShares, has.Memory.MemoryMB, used.CPU, used.MemoryMB)
	}
	return nil
}

// placementsAreAllowed: what is placed goes to a node that is ready and eligible.
func placementsAreAllowed(m *model, changes []change) error {
	for _, a := range created(changes) {
		n := m.nodeOf(a.NodeID)
		switch {
		case n.node == nil || m.world.raced(n):
		case n.status == nil || n.status.Status != api.NodeReady:
			return fmt.Errorf("%s is placed on %s, which is not ready", a.Name, n.node.Name)
		case n.intent != nil && n.intent.Eligibility != api.NodeEligible:
			return fmt.Errorf("%s is placed on %s, which is not eligible", a.Name, n.node.Name)
		}
	}
	return nil
}

// namesAreUnique: no two live instances of a job have the same name; of a system job,
// on the same node. A canary has the name of whom it is to follow.
func namesAreUnique(m *model) error {
	for _, j := range m.jobs {
		seats := make(map[string]*allocView)
		for _, a := range j.allocs {
			if !a.live() || a.canary() {
				continue
			}
			if other := seats[a.seat()]; other != nil {
				return fmt.Errorf("%s and %s are both %s", short(other.ID), short(a.ID), a.seat())
			}
			seats[a.seat()] = a
		}
	}
	return nil
}

// placesAreTakenOnce: nothing is placed where a live instance is, or where one failed
// and waits for its time to be tried again, or stays as it is.
func placesAreTakenOnce(m *model, changes []change) error {
	for _, a := range created(changes) {
		mine := m.alloc[a.ID]
		if mine.canary() {
			continue
		}
		for _, other := range mine.job.allocs {
			if other == mine || other.canary() || other.seat() != mine.seat() {
				continue
			}
			if other.live() || other.failedInPlace() && !m.news(other) {
				return fmt.Errorf("%s is placed as %s while %s is there", short(a.ID), mine.seat(), short(other.ID))
			}
		}
	}
	return nil
}

// canary reports whether an instance tries its version out: its rollout is not promoted.
func (a *allocView) canary() bool {
	if a.DeploymentStatus == nil || !a.DeploymentStatus.Canary {
		return false
	}
	d := a.job.deployments[a.DeploymentID]
	return d == nil || d.TaskGroups[a.TaskGroup] == nil || !d.TaskGroups[a.TaskGroup].Promoted
}

// seat is what only one live instance may hold.
func (a *allocView) seat() string {
	if a.JobType == api.JobTypeSystem || a.JobType == api.JobTypeSysBatch {
		return a.Name + "@" + a.NodeID
	}
	return a.Name
}

// neverMoreThanAskedFor: a placement makes no more live instances of a group than its
// count, and its canaries.
func neverMoreThanAskedFor(m *model, changes []change) error {
	for _, a := range created(changes) {
		if err := m.jobOf(a.JobID).within(a.TaskGroup); err != nil {
			return err
		}
	}
	return nil
}

// onlyWhatIsAskedFor: what is live belongs to a job that is to run, and is no more than
// that asks for.
func onlyWhatIsAskedFor(m *model) error {
	for _, j := range m.jobs {
		for _, a := range j.allocs {
			if !a.live() {
				continue
			}
			if err := j.within(a.TaskGroup); err != nil {
				return err
			}
		}
	}
	return nil
}

// within compares how many instances of a group are live with how many may be.
func (j *jobView) within(group string) error {
	live, canaries := 0, 0
	for _, a := range j.allocs {
		switch {
		case a.TaskGroup != group || !a.live():
		case a.canary():
			canaries++
		default:
			live++
		}
	}
	switch {
	case live+canaries == 0:
		return nil
	case j.job == nil || j.job.Stopped():
		return fmt.Errorf("job %s is stopped and has %d live instances of %s", j.id, live+canaries, group)
	case j.job.Group(group) == nil:
		return fmt.Errorf("job %s has no group %s and %d live instances of it", j.id, group, live+canaries)
	case j.job.IsSystem():
		return nil
	}
	g := j.job.Group(group)
	count := api.Deref(g.Count)
	if live > count {
		return fmt.Errorf("job %s has %d live instances of group %s, of %d", j.id, live, group, count)
	}
	if g.Update != nil && canaries > max(count, api.Deref(g.Update.Canary)) {
		return fmt.Errorf("job %s has %d canaries of group %s", j.id, canaries, group)
	}
	return nil
}

// chainsAreLinear: an allocation follows one that names it as its successor, has one
// successor at most, and that is for good.
func chainsAreLinear(m *model, changes []change) error {
	for _, c := range changes {
		a, ok := c.new.(*api.Allocation)
		if !ok {
			continue
		}
		if old, had := c.old.(*api.Allocation); had && m.swapped(old, a) {
			return fmt.Errorf("%s followed %q and is followed by %q, before it was %q and %q", short(a.ID), a.PreviousAllocation, a.NextAllocation, old.PreviousAllocation, old.NextAllocation)
		}
		if prev := m.alloc[a.PreviousAllocation]; prev != nil && prev.NextAllocation != a.ID && m.alloc[a.ID].live() {
			return fmt.Errorf("%s follows %s, which is followed by %q", short(a.ID), short(prev.ID), prev.NextAllocation)
		}
		if next := m.alloc[a.NextAllocation]; next != nil && next.PreviousAllocation != a.ID {
			return fmt.Errorf("%s is followed by %s, which follows %q", short(a.ID), short(next.ID), next.PreviousAllocation)
		}
	}
	return nil
}

// swapped reports whether an allocation got another predecessor, or another successor in
// place of one that is live. One whose node came back may be kept, and then loses the
// successor that it had meanwhile.
func (m *model) swapped(before, after *api.Allocation) bool {
	if before.PreviousAllocation != after.PreviousAllocation {
		return true
	}
	if before.NextAllocation == "" || before.NextAllocation == after.NextAllocation {
		return false
	}
	next := m.alloc[before.NextAllocation]
	return next != nil && next.live()
}

// whatEndedStaysEnded: an allocation that was told to stop is not told to run again,
// and stays what and where it is; a rollout that ended stays as it ended.
func whatEndedStaysEnded(_ *model, changes []change) error {
	for _, c := range changes {
		switch old := c.old.(type) {
		case *api.Allocation:
			if a, ok := c.new.(*api.Allocation); ok {
				switch {
				case !old.WantsRun() && a.WantsRun():
					return fmt.Errorf("%s was told to stop and is to run again", short(a.ID))
				case old.NodeID != a.NodeID || old.Name != a.Name || old.JobID != a.JobID || old.JobVersion > a.JobVersion:
					return fmt.Errorf("%s was %s of version %d on %s and is %s of version %d on %s", short(a.ID), old.Name, old.JobVersion, old.NodeName, a.Name, a.JobVersion, a.NodeName)
				}
			}
		case *api.Deployment:
			if d, ok := c.new.(*api.Deployment); ok && !old.Active() && d.Status != old.Status {
				return fmt.Errorf("deployment %s of %s was %s and is %s", short(d.ID), d.JobID, old.Status, d.Status)
			}
		}
	}
	return nil
}

// lostNodesLoseTheirInstances: what has not ended on a node that is down or gone is
// marked.
func lostNodesLoseTheirInstances(m *model) error {
	for _, a := range m.alloc {
		if a.status.Terminal() || a.Lost != "" {
			continue
		}
		if a.node.node == nil || a.node.status != nil && a.node.status.Status == api.NodeDown {
			return fmt.Errorf("%s (%s) is on a node that is down, and not lost", a.Name, short(a.ID))
		}
	}
	return nil
}
