package scaling

import (
	"github.com/google/uuid"

	"github.com/droverhq/drover/api"
)

// plan compares the policies that a job asks for, which is nil if it is gone, with
// those that there are.
func plan(job *api.Job, actual []*api.ScalingPolicy) (puts, deletes []*api.ScalingPolicy) {
	kept := make(map[string]*api.ScalingPolicy, len(actual))
	for _, p := range actual {
		kept[p.ID] = p
	}
	for _, p := range desired(job) {
		if old := kept[p.ID]; old == nil || !api.Same(old, p, "CreateIndex", "ModifyIndex") {
			puts = append(puts, p)
		}
		delete(kept, p.ID)
	}
	for _, p := range actual {
		if kept[p.ID] != nil {
			deletes = append(deletes, p)
		}
	}
	return puts, deletes
}

// desired returns the policies of a job: none if nothing of it should run.
func desired(job *api.Job) []*api.ScalingPolicy {
	if job == nil || job.Stopped() {
		return nil
	}
	var out []*api.ScalingPolicy
	for _, g := range job.TaskGroups {
		if g.Scaling == nil {
			continue
		}
		p := *g.Scaling
		p.Namespace = api.Deref(job.Namespace)
		p.Target = map[string]string{
			api.ScalingTargetNamespace: api.Deref(job.Namespace),
			api.ScalingTargetJob:       api.Deref(job.ID),
			api.ScalingTargetGroup:     api.Deref(g.Name),
		}
		p.ID = policyID(p.Target)
		out = append(out, &p)
	}
	return out
}

// policySpace is the space of the IDs of policies (RFC 9562, version 5).
var policySpace = uuid.MustParse("8f6c53a4-5f0b-4d0d-9b5e-0d9a8e0f7c11")

// policyID returns the ID of the policy of a group: always the same, so that an
// autoscaler that remembers it finds it after the job was stopped and started again.
func policyID(target map[string]string) string {
	name := target[api.ScalingTargetNamespace] + "\x00" + target[api.ScalingTargetJob] + "\x00" + target[api.ScalingTargetGroup]
	return uuid.NewSHA1(policySpace, []byte(name)).String()
}
