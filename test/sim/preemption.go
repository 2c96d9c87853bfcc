package sim

import (
	"fmt"
	"slices"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/scheduler"
)

// preemptionsHaveACause: who is evicted is so for one who is placed on its node in the same
// transaction, names it, and is of a job that is so much more important.
func preemptionsHaveACause(m *model, changes []change) error {
	for _, c := range changes {
		a, ok := c.new.(*api.Allocation)
		old, had := c.old.(*api.Allocation)
		if !ok || !had || a.DesiredStatus != api.AllocDesiredEvict || old.DesiredStatus == api.AllocDesiredEvict {
			continue
		}
		i := slices.IndexFunc(created(changes), func(by *api.Allocation) bool { return by.ID == a.PreemptedByAllocation })
		if i < 0 {
			return fmt.Errorf("%s is evicted for %q, which is not placed with it", short(a.ID), a.PreemptedByAllocation)
		}
		by := created(changes)[i]
		if by.NodeID != a.NodeID || !slices.Contains(by.PreemptedAllocations, a.ID) {
			return fmt.Errorf("%s on %s is evicted for %s on %s, which names %q", short(a.ID), a.NodeName, short(by.ID), by.NodeName, by.PreemptedAllocations)
		}
		victim, winner := m.job(a.JobID), m.job(by.JobID)
		if victim != nil && winner != nil && api.Deref(victim.Priority)+scheduler.PreemptionGap > api.Deref(winner.Priority) {
			return fmt.Errorf("%s of priority %d is evicted for %s of %d", a.Name, api.Deref(victim.Priority), by.Name, api.Deref(winner.Priority))
		}
	}
	return nil
}
