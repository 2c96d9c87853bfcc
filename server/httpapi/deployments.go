package httpapi

import (
	"iter"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// listDeployments is GET /v1/deployments, oldest first.
func listDeployments(s store.Snapshot, c *call) (any, error) {
	items := store.List[*api.Deployment](s, store.Query{IDPrefix: c.query.Get("prefix")})
	return deploymentListing(inNamespace(items, c.namespaces(),
		func(d *api.Deployment) string { return d.Namespace })).answer(c)
}

// deploymentListing lists deployments oldest first.
func deploymentListing(items iter.Seq[*api.Deployment]) listing[*api.Deployment] {
	return listing[*api.Deployment]{
		items: items,
		key:   func(d *api.Deployment) string { return byCreation(d.CreateIndex, d.ID) },
		view:  func(d *api.Deployment) any { return d },
	}
}

// readDeployment is GET /v1/deployment/ID.
func readDeployment(s store.Snapshot, c *call) (any, error) {
	id, err := c.id("deployment", "deployment")
	if err != nil {
		return nil, err
	}
	if d := get[*api.Deployment](s, api.Key{Kind: api.KindDeployment, ID: id}); d != nil {
		return d, nil
	}
	return nil, notFound("deployment")
}

// readDeploymentAllocations is GET /v1/deployment/allocations/ID.
func readDeploymentAllocations(s store.Snapshot, c *call) (any, error) {
	id, err := c.id("deployment", "deployment")
	if err != nil {
		return nil, err
	}
	return answerStubs(s, store.List[*api.Allocation](s, store.Query{Index: store.ByDeployment, Value: id}), c)
}

// jobOfDeployment returns the job that a deployment is of.
func jobOfDeployment(s store.Snapshot, id string) (namespace, jobID string) {
	if d := get[*api.Deployment](s, api.Key{Kind: api.KindDeployment, ID: id}); d != nil {
		return d.Namespace, d.JobID
	}
	return "", ""
}
