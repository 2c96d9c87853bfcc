package jobspec

import (
	"regexp"

	"github.com/droverhq/drover/api"
)

var actionPattern = regexp.MustCompile(`^[a-zA-Z0-9-]{1,128}$`)

// actions checks the commands that can be run in a task on demand.
func (v *validator) actions(p place, task *api.Task) {
	names := map[string]bool{}
	for _, action := range task.Actions {
		at := p.in("action %q", action.Name)
		if !actionPattern.MatchString(action.Name) {
			at.addf("the name is not 1 to 128 letters, digits and dashes")
		}
		if names[action.Name] {
			at.addf("another action of the task has the same name")
		}
		names[action.Name] = true
		if action.Command == "" {
			at.in("command").addf("is missing: the program to run")
		}
	}
}
