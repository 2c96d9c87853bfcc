package jobspec

import (
	"time"

	"github.com/droverhq/drover/api"
)

// normalize gives a parsed job what its text says implicitly: its name, a group
// for each task that has none, and the vault block of its outer blocks.
func normalize(file *jobFile) {
	job := file.job
	if job.ID == nil {
		job.ID = new(file.name)
	}
	if job.Name == nil {
		job.Name = new(file.name)
	}
	if len(file.tasks) > 0 {
		var groups []*api.TaskGroup
		for _, task := range file.tasks {
			groups = append(groups, &api.TaskGroup{Name: new(task.Name), Tasks: []*api.Task{task}})
		}
		job.TaskGroups = append(groups, job.TaskGroups...)
	}
	for _, group := range job.TaskGroups {
		inheritVault(group.Tasks, file.vault)
		for _, task := range group.Tasks {
			normalizeVault(task.Vault)
			for _, template := range task.Templates {
				normalizeTemplate(template)
			}
		}
	}
}

// inheritVault gives the vault block of an outer block to the tasks without one.
func inheritVault(tasks []*api.Task, vault *api.Vault) {
	for _, task := range tasks {
		if task.Vault == nil && vault != nil {
			inherited := *vault
			task.Vault = &inherited
		}
	}
}

func normalizeVault(vault *api.Vault) {
	if vault == nil {
		return
	}
	setDefault(&vault.Env, true)
	setDefault(&vault.ChangeMode, changeModeRestart)
}

func normalizeTemplate(template *api.Template) {
	setDefault(&template.ChangeMode, changeModeRestart)
	setDefault(&template.Perms, "0644")
	setDefault(&template.Splay, 5*time.Second)
	setDefault(&template.ErrMissingKey, false)
	if script := template.ChangeScript; script != nil {
		if script.Args == nil {
			script.Args = []string{}
		}
		setDefault(&script.Timeout, 5*time.Second)
		setDefault(&script.FailOnError, false)
	}
}

// setDefault sets what is not set.
func setDefault[T any](field **T, value T) {
	if *field == nil {
		*field = &value
	}
}
