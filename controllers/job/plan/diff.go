package plan

import (
	"github.com/droverhq/drover/api"
)

// change is what a new version of a job means for the instances of a group that run
// an older one.
type change uint8

const (
	unchanged   change = iota // in place: nothing that a process or its directory sees is different
	constrained               // in place if its node still meets the rules of the group
	different                 // only a new instance will do
)

// compare says what changed in a group between two versions of a job.
func compare(before, after *api.Job, group string) change {
	if before == nil {
		return different
	}
	a, b := before.Group(group), after.Group(group)
	if a == nil || b == nil || jobDiffers(before, after) || !api.Same(a, b, unseenOfGroup...) || tasksDiffer(a, b) {
		return different
	}
	if rulesDiffer(before, after, a, b) {
		return constrained
	}
	return unchanged
}

// jobDiffers compares what tasks see of their job, and where it asks to be.
func jobDiffers(a, b *api.Job) bool {
	return api.Deref(a.Name) != api.Deref(b.Name) ||
		api.Deref(a.Type) != api.Deref(b.Type) ||
		!api.Same(a.Meta, b.Meta) ||
		!api.Same(a.Payload, b.Payload) ||
		!api.Same(a.Affinities, b.Affinities) ||
		!api.Same(a.Spreads, b.Spreads)
}

func tasksDiffer(a, b *api.TaskGroup) bool {
	if len(a.Tasks) != len(b.Tasks) {
		return true
	}
	for _, t := range a.Tasks {
		other := b.Task(t.Name)
		if other == nil || !api.Same(t, other, unseenOfTask...) {
			return true
		}
	}
	return false
}

// rulesDiffer compares which nodes a group may be on.
func rulesDiffer(before, after *api.Job, a, b *api.TaskGroup) bool {
	if !api.Same(before.Datacenters, after.Datacenters) ||
		api.Deref(before.NodePool) != api.Deref(after.NodePool) ||
		!api.Same(before.Constraints, after.Constraints) ||
		!api.Same(a.Constraints, b.Constraints) {
		return true
	}
	for _, t := range a.Tasks {
		if !api.Same(t.Constraints, b.Task(t.Name).Constraints) {
			return true
		}
	}
	return false
}

// unseenOfGroup are the fields of a group that only servers look at, or that node
// agents take up without starting anything again. Tasks are compared by name.
var unseenOfGroup = []string{
	"Count", "Constraints", "RestartPolicy", "ReschedulePolicy", "Disconnect", "Update", "Migrate",
	"Services", "ShutdownDelay", "StopAfterClientDisconnect", "MaxClientDisconnect", "MaxRunDuration",
	"Scaling", "PreventRescheduleOnLost", "Tasks", "Indexed", "Gang",
}

// unseenOfTask are the same for a task.
var unseenOfTask = []string{
	"Constraints", "Services", "RestartPolicy", "KillTimeout", "KillSignal", "ShutdownDelay",
	"ScalingPolicies", "Actions",
}
