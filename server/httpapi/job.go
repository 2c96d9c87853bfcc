package httpapi

import (
	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// errNoJob is answered for a job that does not exist.
func errNoJob() error { return notFound("job") }

// jobOf returns the namespace and ID of the job in a call's path.
func (c *call) jobOf() (namespace, id string) { return c.namespace(), c.path["job"] }

// readJob is GET /v1/job/ID.
func readJob(s store.Snapshot, c *call) (any, error) {
	if j := newView(s).job(c.jobOf()); j != nil {
		return withPlace(s, j), nil
	}
	return nil, errNoJob()
}

// readSummary is GET /v1/job/ID/summary.
func readSummary(s store.Snapshot, c *call) (any, error) {
	v := newSummaries(s, c)
	j := v.job(c.jobOf())
	if j == nil {
		return nil, errNoJob()
	}
	return v.summary(j), nil
}

// readJobAllocations is GET /v1/job/ID/allocations. Without ?all, those of an
// earlier job of the same ID that was purged are left out.
func readJobAllocations(s store.Snapshot, c *call) (any, error) {
	all, err := c.flag("all")
	if err != nil {
		return nil, err
	}
	namespace, id := c.jobOf()
	q := store.Query{Index: store.ByJob, Value: store.JobValue(namespace, id)}
	items := store.List[*api.Allocation](s, q)
	if j := get[*api.Job](s, api.JobKey(namespace, id)); j != nil && !all {
		items = where(items, func(a *api.Allocation) bool { return a.CreateIndex >= api.Deref(j.CreateIndex) })
	}
	return answerStubs(s, items, c)
}

// readJobEvaluations is GET /v1/job/ID/evaluations, oldest first.
func readJobEvaluations(s store.Snapshot, c *call) (any, error) {
	q := store.Query{Index: store.ByJob, Value: store.JobValue(c.jobOf())}
	return evaluationListing(store.List[*api.Evaluation](s, q)).answer(c)
}

// readJobDeployments is GET /v1/job/ID/deployments, oldest first.
func readJobDeployments(s store.Snapshot, c *call) (any, error) {
	all, err := c.flag("all")
	if err != nil {
		return nil, err
	}
	namespace, id := c.jobOf()
	q := store.Query{Index: store.ByJob, Value: store.JobValue(namespace, id)}
	items := store.List[*api.Deployment](s, q)
	if j := get[*api.Job](s, api.JobKey(namespace, id)); j != nil && !all {
		items = where(items, func(d *api.Deployment) bool { return d.CreateIndex >= api.Deref(j.CreateIndex) })
	}
	return deploymentListing(items).answer(c)
}

// readJobDeployment is GET /v1/job/ID/deployment: the newest one, or null.
func readJobDeployment(s store.Snapshot, c *call) (any, error) {
	if d := latestDeployment(s, c.namespace(), c.path["job"]); d != nil {
		return d, nil
	}
	return nil, nil
}

// latestDeployment returns the newest deployment of a job, or nil.
func latestDeployment(s store.Snapshot, namespace, jobID string) *api.Deployment {
	var latest *api.Deployment
	q := store.Query{Index: store.ByJob, Value: store.JobValue(namespace, jobID)}
	for d := range store.List[*api.Deployment](s, q) {
		if latest == nil || d.CreateIndex > latest.CreateIndex {
			latest = d
		}
	}
	return latest
}

// readSubmission is GET /v1/job/ID/submission, by default of the current version.
func readSubmission(s store.Snapshot, c *call) (any, error) {
	namespace, id := c.jobOf()
	version, err := c.number("version")
	if err != nil {
		return nil, err
	}
	if !c.query.Has("version") {
		j := get[*api.Job](s, api.JobKey(namespace, id))
		if j == nil {
			return nil, notFound("job source")
		}
		version = api.Deref(j.Version)
	}
	key := api.Key{Kind: api.KindJobSubmission, Namespace: namespace, ID: api.VersionID(id, version)}
	stored := get[*api.JobSubmission](s, key)
	if stored == nil {
		return nil, notFound("job source")
	}
	return stored, nil
}
