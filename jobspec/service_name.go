package jobspec

import (
	"strings"

	"github.com/droverhq/drover/api"
)

// groupServiceTask stands for the task in the name of a service of a group.
const groupServiceTask = "group"

// expandServiceName replaces the references that a service's name may have to what
// it belongs to. Others, to what only the node knows, stay.
func expandServiceName(name string, job *api.Job, group *api.TaskGroup, task string) string {
	if !strings.Contains(name, "${") {
		return name
	}
	base := *job.Name + "-" + *group.Name + "-" + task
	return strings.NewReplacer(
		"${JOB}", *job.Name, "${TASKGROUP}", *group.Name, "${GROUP}", *group.Name, "${TASK}", task, "${BASE}", base,
		"${NOMAD_JOB_NAME}", *job.Name, "${NOMAD_GROUP_NAME}", *group.Name, "${NOMAD_TASK_NAME}", task,
	).Replace(name)
}
