package httpapi

import (
	"slices"
	"strconv"

	"github.com/droverhq/drover/api"
)

// What a change of a spec means, as annotations of its difference say it.
const (
	forcesCreate      = "forces create"
	forcesDestroy     = "forces destroy"
	forcesInPlace     = "forces in-place update"
	forcesDestructive = "forces create/destroy update"
)

// takenInPlace is the parts of a task that change without starting it again, by
// their names in a difference.
var takenInPlace = []string{
	"Constraint", "Service", "RestartPolicy", "KillTimeout", "KillSignal", "ShutdownDelay", "ScalingPolicy", "Action",
}

// annotate says in a difference what it means: how many instances of each group are
// touched in which way, and what becomes of each task.
func annotate(diff *api.JobDiff, updates map[string]map[string]uint64) {
	for _, g := range diff.TaskGroups {
		if counts := updates[g.Name]; len(counts) > 0 {
			g.Updates = counts
		}
		annotateCount(g)
		for _, t := range g.Tasks {
			if what := meaningOf(t, g.Type); what != "" {
				t.Annotations = append(t.Annotations, what)
			}
		}
	}
}

func annotateCount(g *api.TaskGroupDiff) {
	for _, f := range g.Fields {
		if f.Name != "Count" {
			continue
		}
		switch before, after := countOf(f.Old), countOf(f.New); {
		case before < after:
			f.Annotations = append(f.Annotations, forcesCreate)
		case before > after:
			f.Annotations = append(f.Annotations, forcesDestroy)
		}
	}
}

// countOf reads a count of a difference; nothing is 0.
func countOf(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return n
}

// meaningOf says what becomes of a task of a group whose own difference is of
// groupType.
func meaningOf(t *api.TaskDiff, groupType string) string {
	switch {
	case t.Type == api.DiffNone:
		return ""
	case groupType == api.DiffAdded:
		return forcesCreate
	case groupType == api.DiffDeleted:
		return forcesDestroy
	}
	for _, f := range t.Fields {
		if f.Type != api.DiffNone && !slices.Contains(takenInPlace, f.Name) {
			return forcesDestructive
		}
	}
	for _, o := range t.Objects {
		if o.Type != api.DiffNone && !slices.Contains(takenInPlace, o.Name) {
			return forcesDestructive
		}
	}
	return forcesInPlace
}
