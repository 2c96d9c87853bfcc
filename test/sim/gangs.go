package sim

import (
	"fmt"

	"github.com/droverhq/drover/api"
)

// gangsAreWhole: who places some of a gang places all of it that is missing. A gang is a
// group, or a whole job.
func gangsAreWhole(m *model, changes []change) error {
	placed := make(map[*jobView]map[string]bool)
	for _, a := range created(changes) {
		j := m.jobOf(a.JobID)
		if m.alloc[a.ID].canary() || j.job == nil || j.job.IsSystem() || j.rolloutHolds() {
			continue
		}
		if placed[j] == nil {
			placed[j] = make(map[string]bool)
		}
		placed[j][a.TaskGroup] = true
	}
	for j, groups := range placed {
		for _, g := range j.job.TaskGroups {
			if !api.Deref(j.job.AllAtOnce) && !(api.Deref(g.Gang) && groups[*g.Name]) {
				continue
			}
			names := j.holders(g)
			for _, a := range j.allocs {
				if a.TaskGroup == *g.Name && (a.failedInPlace() || m.news(a)) {
					names[a.Name] = true // it has its turn later; it was there as far as was known
				}
			}
			if count := api.Deref(g.Count); len(names) < count {
				return fmt.Errorf("of %d instances of group %s of job %s, which are placed together, there are %d", count, *g.Name, j.id, len(names))
			}
		}
	}
	return nil
}
