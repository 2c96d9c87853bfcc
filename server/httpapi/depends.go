package httpapi

import (
	"fmt"
	"strings"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/admission"
	"github.com/droverhq/drover/store"
)

// maxDependencies is how many jobs one may depend on, by way of others too. All of them
// are looked at when it is registered.
const maxDependencies = 1000

// dependsConditions checks what a job depends on: that no job waits for itself by way of
// others, and that what is there already can be waited for so. The conditions are that
// all that was looked at is as it was read, or still absent: so of two registrations
// that only together make a cycle, one is refused.
func dependsConditions(lookup jobLookup, j *api.Job) ([]store.Condition, error) {
	w := dependencyWalk{lookup: lookup, start: j, seen: make(map[api.Key]bool)}
	invalid := &api.InvalidError{What: fmt.Sprintf("job %q", api.Deref(j.ID))}
	for _, d := range j.DependsOn {
		other, _ := lookup(d.Key(j))
		if why := unfit(d, other); why != "" {
			invalid.Add(fmt.Sprintf("depends_on %q", d.Job), why)
		}
	}
	if cycle := w.follow(j, nil); cycle != nil {
		invalid.Add("depends_on", "no job of a circle could ever begin: "+strings.Join(cycle, " depends on "))
	}
	if len(w.seen) > maxDependencies {
		invalid.Add("depends_on", fmt.Sprintf("the job depends, by way of others too, on more than %d jobs", maxDependencies))
	}
	return w.conditions, invalid.OrNil()
}

// jobLookup returns a job, or nil if there is none, and the condition that it stays so.
type jobLookup func(api.Key) (*api.Job, store.Condition)

// storedJob looks jobs up in a snapshot.
func storedJob(s store.Snapshot) jobLookup {
	return func(k api.Key) (*api.Job, store.Condition) { return get[*api.Job](s, k), unchanged(s, k) }
}

// dependencyWalk follows who depends on whom.
type dependencyWalk struct {
	lookup     jobLookup
	start      *api.Job
	seen       map[api.Key]bool
	conditions []store.Condition
}

// follow walks on from a job and returns the names along the circle that leads back to
// the start, or nil. path are the names on the way.
func (w *dependencyWalk) follow(j *api.Job, path []string) []string {
	path = append(path, w.name(j.Key()))
	for _, d := range j.DependsOn {
		key := d.Key(j)
		if key == w.start.Key() {
			return append(path, w.name(key))
		}
		if w.seen[key] || len(w.seen) > maxDependencies {
			continue
		}
		w.seen[key] = true
		other, condition := w.lookup(key)
		w.conditions = append(w.conditions, condition)
		if other == nil {
			continue
		}
		if cycle := w.follow(other, path[:len(path):len(path)]); cycle != nil {
			return cycle
		}
	}
	return nil
}

// name is how a job is called in a message, with its namespace if that is another one.
func (w *dependencyWalk) name(key api.Key) string {
	if key.Namespace == api.Deref(w.start.Namespace) {
		return fmt.Sprintf("%q", key.ID)
	}
	return fmt.Sprintf("%q in namespace %q", key.ID, key.Namespace)
}

// withPlace says of a job that waits in the queue of its siblings where it stands in it.
func withPlace(s store.Snapshot, joined *api.Job) *api.Job {
	if api.Deref(joined.Status) != api.JobStatusPending {
		return joined
	}
	place, of := admission.Place(s, joined)
	if place == 0 {
		return joined
	}
	out := *joined
	out.StatusDescription = new(fmt.Sprintf("%s of %d: %s", ordinal(place), of, api.Deref(joined.StatusDescription)))
	return &out
}

// ordinal writes 1st, 2nd, 3rd, 4th, 11th, …
func ordinal(n int) string {
	suffix := "th"
	if n/10%10 != 1 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return fmt.Sprintf("%d%s", n, suffix)
}

// unfit says why a job can't be waited for in the way that a dependency says. One that
// is not there yet may turn out to be fit.
func unfit(d *api.JobDependency, other *api.Job) string {
	switch {
	case other == nil:
		return ""
	case other.IsTemplate():
		return fmt.Sprintf("job %q only launches other jobs and does not end; depend on a job that it launched", d.Job)
	case d.Condition == api.DependsOnHealthy && other.IsBatch():
		return fmt.Sprintf("job %q is a %s job, which is never healthy: wait for its success, completion or failure", d.Job, *other.Type)
	case d.Condition != "" && d.Condition != api.DependsOnHealthy && !other.IsBatch():
		return fmt.Sprintf("job %q is a %s job, which does not end: wait for it to be healthy", d.Job, *other.Type)
	}
	return ""
}
