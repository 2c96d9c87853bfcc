package jobspec

import "github.com/droverhq/drover/api"

// scaling checks the bounds of a group that autoscalers may scale.
func (v *validator) scaling(p place, job *api.Job, group *api.TaskGroup) {
	policy := group.Scaling
	if policy == nil {
		return
	}
	if job.IsSystem() {
		p.addf("a %s job runs one instance on each node and can't be scaled; remove the block", api.Deref(job.Type))
		return
	}
	if policy.Type != scalingHorizontal {
		p.addf("the scaling of a group is of type %q, not %q", scalingHorizontal, policy.Type)
	}
	if policy.Max == nil {
		p.addf("max is required: the most instances that the group may be scaled to")
		return
	}
	least, most, count := api.Deref(policy.Min), *policy.Max, int64(api.Deref(group.Count))
	p.notNegative("min", least)
	switch {
	case least > most:
		p.addf("min (%d) must not be greater than max (%d)", least, most)
	case count < least:
		p.addf("the group's count (%d) must not be less than min (%d)", count, least)
	case count > most:
		p.addf("the group's count (%d) must not be greater than max (%d)", count, most)
	}
}
