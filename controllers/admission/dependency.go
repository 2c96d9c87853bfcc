package admission

import (
	"fmt"
	"strings"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// other is a job that is depended on, as it is now.
type other struct {
	job    *api.Job       // nil: not registered
	status *api.JobStatus // nil: not looked at yet
	health health         // of a service
}

// health is how a service does.
type health struct {
	rollout *api.Deployment // of its current version, or nil
	wanted  int             // instances
	healthy int             // of these, of the current version
}

// dependencies says whether all that a job depends on is met, and what is not.
func dependencies(snap store.Snapshot, j *api.Job) (met bool, reason string, conditions []store.Condition) {
	var waits []string
	for _, d := range j.DependsOn {
		key := d.Key(j)
		o := readOther(snap, key)
		if o.job == nil {
			conditions = append(conditions, store.Absent(key))
		} else {
			conditions = append(conditions, store.Unchanged(o.job), unlessWritten(o.status, api.JobStatusKey(key.Namespace, key.ID)))
		}
		if why := unmet(condition(d, o.job), o); why != "" {
			waits = append(waits, fmt.Sprintf("waits for %s %s: %s", nameOf(j, key), wish(condition(d, o.job)), why))
		}
	}
	return len(waits) == 0, strings.Join(waits, "; "), conditions
}

// condition is what a dependency waits for. Unless it says so itself, that depends on
// whether the other job is one that ends.
func condition(d *api.JobDependency, other *api.Job) string {
	switch {
	case d.Condition != "":
		return d.Condition
	case other != nil && !other.IsBatch():
		return api.DependsOnHealthy
	}
	return api.DependsOnSuccess
}

// wish names a condition in a sentence about another job.
func wish(condition string) string {
	switch condition {
	case api.DependsOnCompletion:
		return "to end"
	case api.DependsOnFailure:
		return "to fail"
	case api.DependsOnHealthy:
		return "to be healthy"
	}
	return "to succeed"
}

func nameOf(j *api.Job, other api.Key) string {
	if other.Namespace == api.Deref(j.Namespace) {
		return fmt.Sprintf("job %q", other.ID)
	}
	return fmt.Sprintf("job %q in namespace %q", other.ID, other.Namespace)
}

// unmet says why a condition is not met; it is empty if it is.
func unmet(condition string, o other) string {
	switch {
	case o.job == nil:
		return "it is not registered"
	case o.job.IsTemplate():
		return "it only launches other jobs, and does not end"
	case condition == api.DependsOnHealthy:
		return unhealthy(o)
	case !o.job.IsBatch():
		return fmt.Sprintf("it is a %s job, which does not end", api.Deref(o.job.Type))
	}
	return unended(condition, o)
}

// unended says why a batch job has not ended as wanted.
func unended(condition string, o other) string {
	if !o.status.Ended(api.Deref(o.job.Version)) {
		switch {
		case o.status != nil && o.status.Status == api.JobStatusRunning && o.status.EndedAt == 0:
			return "it runs"
		case o.job.NeedsAdmission() && o.status != nil && o.status.StatusDescription != "":
			return "it waits itself"
		}
		return "it has not begun"
	}
	switch outcome := o.status.Outcome; {
	case condition == api.DependsOnCompletion:
		return ""
	case outcome == "":
		return "it was stopped before its end; run it again"
	case condition == api.DependsOnSuccess && outcome == api.JobOutcomeFailed:
		return "it failed; run it again"
	case condition == api.DependsOnFailure && outcome == api.JobOutcomeComplete:
		return "it completed"
	}
	return ""
}

// unhealthy says why a service is not healthy. Its rollout decides, if it has one.
func unhealthy(o other) string {
	if o.job.IsBatch() {
		return fmt.Sprintf("it is a %s job, which is never healthy but ends", api.Deref(o.job.Type))
	}
	if o.job.Stopped() {
		return "it is stopped"
	}
	if d := o.health.rollout; d != nil {
		switch d.Status {
		case api.DeploymentSuccessful:
			return ""
		case api.DeploymentFailed:
			return "its rollout failed"
		}
		return "its rollout goes on"
	}
	if h := o.health; h.healthy < h.wanted || h.wanted == 0 {
		return fmt.Sprintf("%d of %d instances are healthy", h.healthy, h.wanted)
	}
	return ""
}

func readOther(snap store.Snapshot, key api.Key) other {
	o := other{job: get[*api.Job](snap, key)}
	if o.job == nil {
		return o
	}
	o.status = statusOf(snap, key)
	if !o.job.IsBatch() {
		o.health = readHealth(snap, o.job, o.status)
	}
	return o
}

// readHealth looks at the rollout of a service's current version and at its instances.
func readHealth(snap store.Snapshot, j *api.Job, status *api.JobStatus) health {
	var h health
	ofJob := store.Query{Index: store.ByJob, Value: store.JobValue(api.Deref(j.Namespace), api.Deref(j.ID))}
	for d := range store.List[*api.Deployment](snap, ofJob) {
		current := d.JobVersion == api.Deref(j.Version) && d.JobCreateIndex == api.Deref(j.CreateIndex)
		if current && d.Status != api.DeploymentCancelled && (h.rollout == nil || h.rollout.CreateIndex < d.CreateIndex) {
			h.rollout = d
		}
	}
	for a := range store.List[*api.Allocation](snap, ofJob) {
		if !a.WantsRun() || a.CreateIndex < api.Deref(j.CreateIndex) {
			continue
		}
		if j.IsSystem() {
			h.wanted++
		}
		s := get[*api.AllocationStatus](snap, api.Key{Kind: api.KindAllocationStatus, ID: a.ID})
		if state, _ := api.ClientStatus(a, s); state == api.AllocClientRunning && a.JobVersion == api.Deref(j.Version) && !calledUnhealthy(a) {
			h.healthy++
		}
	}
	for _, g := range j.TaskGroups {
		if !j.IsSystem() {
			h.wanted += api.Deref(g.Count)
		} else if status != nil {
			h.wanted += status.Queued[api.Deref(g.Name)]
		}
	}
	return h
}

func calledUnhealthy(a *api.Allocation) bool {
	return a.DeploymentStatus != nil && a.DeploymentStatus.Healthy != nil && !*a.DeploymentStatus.Healthy
}
