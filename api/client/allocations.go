package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/droverhq/drover/api"
)

// Allocations are the routes below /v1/allocations and /v1/allocation.
type Allocations struct{ c *Client }

// List returns the allocations that the query selects.
func (a *Allocations) List(ctx context.Context, q Query) ([]*api.AllocationListStub, api.QueryMeta, error) {
	return get[[]*api.AllocationListStub](ctx, a.c, "/v1/allocations", q)
}

// Get returns an allocation with its job, resources and task states.
func (a *Allocations) Get(ctx context.Context, id string, q Query) (*api.Allocation, api.QueryMeta, error) {
	return get[*api.Allocation](ctx, a.c, "/v1/allocation/"+url.PathEscape(id), q)
}

// Stop stops an allocation; its job gets another one instead. q may have the parameter
// no_shutdown_delay.
func (a *Allocations) Stop(ctx context.Context, id string, q Query) (*api.AllocStopResponse, error) {
	return send[*api.AllocStopResponse](ctx, a.c, http.MethodPut, "/v1/allocation/"+url.PathEscape(id)+"/stop", q, struct{}{})
}

// Restart has tasks of an allocation started again where they are. It returns when the
// node agent has begun to.
func (a *Allocations) Restart(ctx context.Context, id string, r api.AllocRestartRequest, q Query) error {
	_, err := send[struct{}](ctx, a.c, http.MethodPut, "/v1/client/allocation/"+url.PathEscape(id)+"/restart", q, r)
	return err
}

// Stats returns what an allocation uses on its node.
func (a *Allocations) Stats(ctx context.Context, id string, q Query) (*api.AllocResourceUsage, error) {
	out, _, err := get[*api.AllocResourceUsage](ctx, a.c, "/v1/client/allocation/"+url.PathEscape(id)+"/stats", q)
	return out, err
}

// Evaluations are the routes below /v1/evaluations and /v1/evaluation.
type Evaluations struct{ c *Client }

// List returns the evaluations that the query selects.
func (e *Evaluations) List(ctx context.Context, q Query) ([]*api.Evaluation, api.QueryMeta, error) {
	return get[[]*api.Evaluation](ctx, e.c, "/v1/evaluations", q)
}

// Get returns an evaluation.
func (e *Evaluations) Get(ctx context.Context, id string, q Query) (*api.Evaluation, api.QueryMeta, error) {
	return get[*api.Evaluation](ctx, e.c, "/v1/evaluation/"+url.PathEscape(id), q)
}

// Allocations returns the allocations that an evaluation made.
func (e *Evaluations) Allocations(ctx context.Context, id string, q Query) ([]*api.AllocationListStub, api.QueryMeta, error) {
	return get[[]*api.AllocationListStub](ctx, e.c, "/v1/evaluation/"+url.PathEscape(id)+"/allocations", q)
}

// Deployments are the routes below /v1/deployments and /v1/deployment.
type Deployments struct{ c *Client }

// List returns the deployments that the query selects.
func (d *Deployments) List(ctx context.Context, q Query) ([]*api.Deployment, api.QueryMeta, error) {
	return get[[]*api.Deployment](ctx, d.c, "/v1/deployments", q)
}

// Get returns a deployment.
func (d *Deployments) Get(ctx context.Context, id string, q Query) (*api.Deployment, api.QueryMeta, error) {
	return get[*api.Deployment](ctx, d.c, "/v1/deployment/"+url.PathEscape(id), q)
}

// Allocations returns the allocations of a deployment.
func (d *Deployments) Allocations(ctx context.Context, id string, q Query) ([]*api.AllocationListStub, api.QueryMeta, error) {
	return get[[]*api.AllocationListStub](ctx, d.c, "/v1/deployment/allocations/"+url.PathEscape(id), q)
}

// Nodes are the routes below /v1/nodes and /v1/node.
type Nodes struct{ c *Client }

// List returns the nodes that the query selects, with their resources if asked for.
func (n *Nodes) List(ctx context.Context, resources bool, q Query) ([]*api.NodeListStub, api.QueryMeta, error) {
	if resources {
		q.Params = map[string]string{"resources": strconv.FormatBool(resources)}
	}
	return get[[]*api.NodeListStub](ctx, n.c, "/v1/nodes", q)
}

// Get returns a node.
func (n *Nodes) Get(ctx context.Context, id string, q Query) (*api.Node, api.QueryMeta, error) {
	return get[*api.Node](ctx, n.c, "/v1/node/"+url.PathEscape(id), q)
}

// Allocations returns the allocations on a node.
func (n *Nodes) Allocations(ctx context.Context, id string, q Query) ([]*api.Allocation, api.QueryMeta, error) {
	return get[[]*api.Allocation](ctx, n.c, "/v1/node/"+url.PathEscape(id)+"/allocations", q)
}

// SetEligibility says whether a node may get further allocations.
func (n *Nodes) SetEligibility(ctx context.Context, id string, eligible bool, q Query) (*api.NodeUpdateResponse, error) {
	e := api.NodeIneligible
	if eligible {
		e = api.NodeEligible
	}
	return send[*api.NodeUpdateResponse](ctx, n.c, http.MethodPut, "/v1/node/"+url.PathEscape(id)+"/eligibility", q,
		api.NodeEligibilityRequest{NodeID: id, Eligibility: e})
}

// Stats returns what a node uses.
func (n *Nodes) Stats(ctx context.Context, id string, q Query) (*api.HostStats, error) {
	q.Params = map[string]string{"node_id": id}
	out, _, err := get[*api.HostStats](ctx, n.c, "/v1/client/stats", q)
	return out, err
}
