package jobspec

import (
	"slices"

	"github.com/droverhq/drover/api"
)

// AddImplicitConstraints adds to the groups of a canonical job what their blocks
// need of a node: a group with services that the cluster itself registers runs
// only where a node agent can do that. Doing it again changes nothing.
func AddImplicitConstraints(job *api.Job) {
	for _, group := range job.TaskGroups {
		if !hasService(group, providerNomad) {
			continue
		}
		for _, needed := range []api.Constraint{
			{LTarget: "${attr.nomad.service_discovery}", Operand: api.OperandEqual, RTarget: "true"},
			{LTarget: "${attr.nomad.version}", Operand: api.OperandSemver, RTarget: ">= 1.4.0"},
		} {
			if !slices.ContainsFunc(group.Constraints, func(c *api.Constraint) bool { return *c == needed }) {
				group.Constraints = append(group.Constraints, &needed)
			}
		}
	}
}

func hasService(group *api.TaskGroup, provider string) bool {
	is := func(service *api.Service) bool { return service.Provider == provider }
	if slices.ContainsFunc(group.Services, is) {
		return true
	}
	return slices.ContainsFunc(group.Tasks, func(task *api.Task) bool { return slices.ContainsFunc(task.Services, is) })
}
