package httpapi

import (
	"errors"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/deployment"
	"github.com/droverhq/drover/store"
)

// rolloutRoutes are those by which operators move deployments.
func rolloutRoutes() []route {
	return []route{
		{pattern: "deployment/pause/{deployment}", put: pauseDeployment},
		{pattern: "deployment/promote/{deployment}", put: promoteDeployment},
		{pattern: "deployment/fail/{deployment}", put: failDeployment},
		{pattern: "deployment/unblock/{deployment}", put: unblockDeployment},
		{pattern: "deployment/allocation-health/{deployment}", put: setAllocationHealth},
	}
}

// order changes the deployment in a call's path, and answers with what came of it.
// named is the ID in the body, if it has one.
func (c *call) order(named string, give func(deployment.Order) (deployment.Change, error)) error {
	id, err := c.id("deployment", "deployment")
	if err != nil {
		return err
	}
	if named != "" && named != id {
		return malformed("the body is about deployment %s, the path about %s", named, id)
	}
	var did deployment.Change
	index, err := c.api.change(c.http.Context(), func(s store.Snapshot) (store.Txn, error) {
		var err error
		did, err = give(deployment.Order{Snapshot: s, ID: id, Now: c.api.now(), NewID: newID})
		switch {
		case errors.Is(err, deployment.ErrRefused):
			return store.Txn{}, malformed("%v", err)
		case errors.Is(err, api.ErrNotFound):
			return store.Txn{}, notFound("deployment")
		}
		return did.Txn, err
	})
	if err != nil {
		return err
	}
	out := api.DeploymentUpdateResponse{EvalID: did.EvalID, DeploymentModifyIndex: index, RevertedJobVersion: did.Reverted, Index: index}
	if did.EvalID != "" {
		out.EvalCreateIndex = index
	}
	c.indexHeader(index)
	return c.answer(out)
}

// pauseDeployment is PUT /v1/deployment/pause/ID: it pauses one, or lets it go on.
func pauseDeployment(c *call) error {
	var in api.DeploymentPauseRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	return c.order(in.DeploymentID, func(o deployment.Order) (deployment.Change, error) { return o.Pause(in.Pause) })
}

// promoteDeployment is PUT /v1/deployment/promote/ID.
func promoteDeployment(c *call) error {
	var in api.DeploymentPromoteRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	if in.All == (len(in.Groups) > 0) {
		return malformed("say either All, to promote every group, or Groups, to promote some")
	}
	return c.order(in.DeploymentID, func(o deployment.Order) (deployment.Change, error) { return o.Promote(in.Groups) })
}

// failDeployment is PUT /v1/deployment/fail/ID.
func failDeployment(c *call) error {
	var in struct{ DeploymentID string }
	if err := c.decode(&in); err != nil {
		return err
	}
	return c.order(in.DeploymentID, deployment.Order.Fail)
}

// unblockDeployment is PUT /v1/deployment/unblock/ID.
func unblockDeployment(c *call) error {
	var in struct{ DeploymentID string }
	if err := c.decode(&in); err != nil {
		return err
	}
	return c.order(in.DeploymentID, deployment.Order.Unblock)
}

// setAllocationHealth is PUT /v1/deployment/allocation-health/ID.
func setAllocationHealth(c *call) error {
	var in api.DeploymentAllocHealthRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	return c.order(in.DeploymentID, func(o deployment.Order) (deployment.Change, error) {
		return o.SetHealth(in.HealthyAllocationIDs, in.UnhealthyAllocationIDs)
	})
}
