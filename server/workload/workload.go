// Package workload says what tasks may read of the cluster. A node agent asks on their
// behalf, and says for which one (Parse); its session checks that the node has it.
package workload

import (
	"context"
	"fmt"
	"strings"

	"github.com/droverhq/drover/api"
)

// Workload is a task of an allocation, with what its variables are named by.
type Workload struct {
	Namespace string
	Job       string // the parent's, of a job that was launched or dispatched
	Group     string
	Task      string
}

// Parse reads what agents send as token: ALLOCATION/TASK.
func Parse(token string) (alloc, task string, ok bool) {
	alloc, task, ok = strings.Cut(token, "/")
	return alloc, task, ok && alloc != "" && task != ""
}

// Of returns the workload that a task of an allocation is, or false if it has no such task.
func Of(a *api.Allocation, job *api.Job, task string) (Workload, bool) {
	group := job.Group(a.TaskGroup)
	if group == nil || group.Task(task) == nil {
		return Workload{}, false
	}
	w := Workload{Namespace: a.Namespace, Job: a.JobID, Group: a.TaskGroup, Task: task}
	if parent := api.Deref(job.ParentID); parent != "" {
		w.Job = parent
	}
	return w, true
}

// Reads reports whether the task may read a variable: those of all jobs of its namespace,
// and those of its job, its group and itself.
func (w Workload) Reads(namespace, path string) bool {
	job := api.VariableJobs + "/" + w.Job
	group := job + "/" + w.Group
	return namespace == w.Namespace && (path == api.VariableJobs || path == job || path == group || path == group+"/"+w.Task)
}

// Refusal says why the task may not read a variable.
func (w Workload) Refusal(namespace, path string) error {
	return fmt.Errorf("%w: task %s may not read the variable %q of namespace %q; it may read %s, and below it %s, %[6]s/%[7]s and %[6]s/%[7]s/%[2]s, of namespace %[8]q",
		api.ErrDenied, w.Task, path, namespace, api.VariableJobs, w.Job, w.Group, w.Namespace)
}

type key struct{}

// With returns a context of what is asked on behalf of a workload.
func With(ctx context.Context, w Workload) context.Context { return context.WithValue(ctx, key{}, w) }

// From returns on behalf of whom something is asked, or false if it is a user.
func From(ctx context.Context) (Workload, bool) {
	w, ok := ctx.Value(key{}).(Workload)
	return w, ok
}
