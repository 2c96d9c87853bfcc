package nodejob

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/droverhq/drover/api"
)

// What a copy of a job has in its meta: the object that it was made for, and the version
// of the job that it is a copy of.
const (
	metaOwner   = "node_job"
	metaVersion = "node_job_version"
)

// world is what a decision is made on.
type world struct {
	wanted   *api.Resource // nil: nothing is wanted any more
	template *api.Job      // that wanted names; nil if there is none
	nodes    []*api.Node   // that have the key
	copies   []*api.Job    // that were made for the object
}

// changes are what is missing.
type changes struct {
	register []*api.Job
	stop     []*api.Job
	status   api.Values // nil if nothing is wanted
}

// plan compares the copies that there should be with those that there are.
func plan(w world) (changes, error) {
	var c changes
	running := map[string]*api.Job{}
	for _, j := range w.copies {
		running[api.Deref(j.ID)] = j
	}
	due := map[string]bool{}
	if w.wanted != nil && w.template != nil {
		for _, n := range w.nodes {
			next, err := copyFor(w.wanted, w.template, n)
			if err != nil {
				return c, err
			}
			due[*next.ID] = true
			if !upToDate(running[*next.ID], next) {
				c.register = append(c.register, next)
			}
		}
	}
	for _, j := range w.copies {
		if !due[api.Deref(j.ID)] && !j.Stopped() {
			c.stop = append(c.stop, j)
		}
	}
	if w.wanted != nil {
		c.status = api.Values{"nodes": int64(len(due))}
		if w.template == nil {
			c.status["problem"] = fmt.Sprintf("there is no job %q", w.wanted.Spec["job"])
		}
	}
	return c, nil
}

// upToDate reports whether the copy that there is, or nil, is what it should be.
func upToDate(have, want *api.Job) bool {
	return have != nil && !have.Stopped() && have.Meta[metaVersion] == want.Meta[metaVersion]
}

// copyFor returns the copy of a job that runs on a node.
func copyFor(wanted *api.Resource, template *api.Job, n *api.Node) (*api.Job, error) {
	j, err := api.Clone(template)
	if err != nil {
		return nil, err
	}
	id := wanted.Name + "-" + n.ID
	j.ID, j.Name = &id, &id
	j.ParameterizedJob, j.Periodic, j.VersionTag = nil, nil, nil
	if j.Meta == nil {
		j.Meta = map[string]string{}
	}
	j.Meta[metaOwner] = wanted.Name
	j.Meta[metaVersion] = strconv.FormatUint(api.Deref(template.Version), 10)
	j.Constraints = append(slices.Clone(j.Constraints), &api.Constraint{
		LTarget: "${node.unique.id}", RTarget: n.ID, Operand: "=",
	})
	return j, nil
}
