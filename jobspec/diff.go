package jobspec

import (
	"cmp"
	"reflect"
	"slices"

	"github.com/droverhq/drover/api"
)

// Diff compares two canonical versions of a job, nil standing for none. Groups and
// tasks are all in the result, changed or not; of the rest, what did not change is
// left out, but a block that changed is shown with all of its fields.
//
// What a job's life adds to its spec (status, version, indexes) is not compared.
func Diff(old, new *api.Job) *api.JobDiff {
	diff := &api.JobDiff{ID: api.Deref(idOf(old))}
	if new != nil {
		diff.ID = api.Deref(new.ID)
	}
	diff.Fields, diff.Objects = compareParts(jobParts, reflect.ValueOf(old), reflect.ValueOf(new))
	diff.TaskGroups = compareByName(groupsOf(old), groupsOf(new), func(g *api.TaskGroup) string { return api.Deref(g.Name) }, compareGroups)
	changed := len(diff.Fields)+len(diff.Objects) > 0 ||
		slices.ContainsFunc(diff.TaskGroups, func(g *api.TaskGroupDiff) bool { return g.Type != api.DiffNone })
	diff.Type = diffType(old == nil, new == nil, changed)
	return diff
}

func idOf(job *api.Job) *string {
	if job == nil {
		return nil
	}
	return job.ID
}

func groupsOf(job *api.Job) []*api.TaskGroup {
	if job == nil {
		return nil
	}
	return job.TaskGroups
}

func tasksOf(group *api.TaskGroup) []*api.Task {
	if group == nil {
		return nil
	}
	return group.Tasks
}

func compareGroups(name string, old, new *api.TaskGroup) *api.TaskGroupDiff {
	diff := &api.TaskGroupDiff{Name: name}
	diff.Fields, diff.Objects = compareParts(groupParts, reflect.ValueOf(old), reflect.ValueOf(new))
	diff.Tasks = compareByName(tasksOf(old), tasksOf(new), func(t *api.Task) string { return t.Name },
		func(name string, oldTask, newTask *api.Task) *api.TaskDiff {
			return compareTasks(name, withoutInherited(oldTask, old), withoutInherited(newTask, new))
		})
	changed := len(diff.Fields)+len(diff.Objects) > 0 ||
		slices.ContainsFunc(diff.Tasks, func(t *api.TaskDiff) bool { return t.Type != api.DiffNone })
	diff.Type = diffType(old == nil, new == nil, changed)
	return diff
}

// withoutInherited returns the task without the restart policy that it has from
// its group: a change of that is one change, of the group.
func withoutInherited(task *api.Task, group *api.TaskGroup) *api.Task {
	if task == nil || !reflect.DeepEqual(task.RestartPolicy, group.RestartPolicy) {
		return task
	}
	own := *task
	own.RestartPolicy = nil
	return &own
}

func compareTasks(name string, old, new *api.Task) *api.TaskDiff {
	diff := &api.TaskDiff{Name: name}
	diff.Fields, diff.Objects = compareParts(taskParts, reflect.ValueOf(old), reflect.ValueOf(new))
	diff.Type = diffType(old == nil, new == nil, len(diff.Fields)+len(diff.Objects) > 0)
	return diff
}

// compareByName pairs the elements of two lists by their names and compares each
// pair, in the order of the names.
func compareByName[T, D any](old, new []*T, nameOf func(*T) string, compare func(name string, old, new *T) D) []D {
	pairs := map[string][2]*T{}
	for i, list := range [][]*T{old, new} {
		for _, element := range list {
			pair := pairs[nameOf(element)]
			pair[i] = element
			pairs[nameOf(element)] = pair
		}
	}
	var out []D
	for _, name := range sortedKeys(pairs) {
		out = append(out, compare(name, pairs[name][0], pairs[name][1]))
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func diffType(isNew, isGone, changed bool) string {
	switch {
	case isNew && isGone:
		return api.DiffNone
	case isNew:
		return api.DiffAdded
	case isGone:
		return api.DiffDeleted
	case changed:
		return api.DiffEdited
	}
	return api.DiffNone
}

// compareFields compares two sets of values. With context, values that are the
// same are in the result too.
func compareFields(old, new map[string]string, context bool) []*api.FieldDiff {
	var out []*api.FieldDiff
	add := func(name string) {
		before, after := old[name], new[name]
		kind := diffType(before == "", after == "", before != after)
		if kind != api.DiffNone || context {
			out = append(out, &api.FieldDiff{Type: kind, Name: name, Old: before, New: after})
		}
	}
	for name := range old {
		add(name)
	}
	for name := range new {
		if _, both := old[name]; !both {
			add(name)
		}
	}
	slices.SortFunc(out, func(a, b *api.FieldDiff) int { return cmp.Compare(a.Name, b.Name) })
	return out
}
