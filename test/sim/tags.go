package sim

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/droverhq/drover/api"
)

// tag gives the current version of a job, or any, a tag by which it is kept: tag s1 good
// [any].
func (w *World) tag(o Op) bool {
	j := w.model.jobs[o.target()]
	if j == nil || j.job == nil || len(o.Args) < 2 {
		return false
	}
	version := *j.job.Version
	if o.has("any") {
		versions := slices.Sorted(maps.Keys(j.versions))
		version = versions[w.chance.IntN(len(versions))]
	}
	return w.ask(http.MethodPut, tagPath(j.id, o.Args[1]), api.JobTagRequest{Version: &version})
}

// untag takes a tag away: untag s1 good.
func (w *World) untag(o Op) bool {
	if w.model.job(o.target()) == nil || len(o.Args) < 2 {
		return false
	}
	return w.ask(http.MethodDelete, tagPath(o.target(), o.Args[1]), nil)
}

// untagAll takes all tags away.
func (w *World) untagAll() {
	for _, j := range w.model.sortedJobs() {
		for _, n := range slices.Sorted(maps.Keys(j.versions)) {
			if tag := j.versions[n].Tag; tag != nil && j.job != nil {
				w.ask(http.MethodDelete, tagPath(j.id, tag.Name), nil)
			}
		}
	}
}

func tagPath(job, tag string) string {
	return "job/" + url.PathEscape(job) + "/versions/" + tag + "/tag"
}

// tagged reports whether a version of a job has a tag.
func (j *jobView) tagged() bool {
	for _, v := range j.versions {
		if v.Tag != nil {
			return true
		}
	}
	return false
}

// tagsStayWhereTheyWerePut: only users move tags, and one is on one version of a job.
func tagsStayWhereTheyWerePut(m *model, changes []change) error {
	for _, c := range changes {
		v, ok := c.new.(*api.JobVersion)
		if !ok {
			continue
		}
		if old, had := c.old.(*api.JobVersion); had && !byHand(c.who) && !api.Same(old.Tag, v.Tag) {
			return fmt.Errorf("the tag of version %d of %s was %v and is %v", *v.Job.Version, *v.Job.ID, old.Tag, v.Tag)
		}
		for n, other := range m.jobOf(*v.Job.ID).versions {
			if v.Tag != nil && other.Tag != nil && n != *v.Job.Version && v.Tag.Name == other.Tag.Name {
				return fmt.Errorf("versions %d and %d of %s have the tag %s", *v.Job.Version, n, *v.Job.ID, v.Tag.Name)
			}
		}
	}
	return nil
}
