package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/droverhq/drover/api"
)

// Drain begins a drain of a node, or changes the one that goes on. meta is recorded with
// it and may be nil.
func (n *Nodes) Drain(ctx context.Context, id string, spec api.DrainSpec, meta map[string]string, q Query) (*api.NodeUpdateResponse, error) {
	return n.drain(ctx, api.NodeDrainRequest{NodeID: id, DrainSpec: &spec, Meta: meta}, q)
}

// CancelDrain cancels the drain of a node, which takes allocations again if it is to be
// eligible. So does one whose drain is complete.
func (n *Nodes) CancelDrain(ctx context.Context, id string, eligible bool, meta map[string]string, q Query) (*api.NodeUpdateResponse, error) {
	return n.drain(ctx, api.NodeDrainRequest{NodeID: id, MarkEligible: eligible, Meta: meta}, q)
}

func (n *Nodes) drain(ctx context.Context, in api.NodeDrainRequest, q Query) (*api.NodeUpdateResponse, error) {
	return send[*api.NodeUpdateResponse](ctx, n.c, http.MethodPut, "/v1/node/"+url.PathEscape(in.NodeID)+"/drain", q, in)
}

// Purge removes a node. One whose agent is connected comes back.
func (n *Nodes) Purge(ctx context.Context, id string, q Query) (*api.NodeEvaluateResponse, error) {
	return send[*api.NodeEvaluateResponse](ctx, n.c, http.MethodPut, "/v1/node/"+url.PathEscape(id)+"/purge", q, nil)
}

// Evaluate asks for a look at the jobs that a node matters to.
func (n *Nodes) Evaluate(ctx context.Context, id string, q Query) (*api.NodeEvaluateResponse, error) {
	return send[*api.NodeEvaluateResponse](ctx, n.c, http.MethodPut, "/v1/node/"+url.PathEscape(id)+"/evaluate", q, nil)
}

// Meta returns the meta of a node, as its agent has it.
func (n *Nodes) Meta(ctx context.Context, id string, q Query) (*api.NodeMeta, error) {
	q.Params = map[string]string{"node_id": id}
	out, _, err := get[*api.NodeMeta](ctx, n.c, "/v1/client/metadata", q)
	return out, err
}

// SetMeta changes the meta of a node; null takes a key out.
func (n *Nodes) SetMeta(ctx context.Context, id string, meta map[string]*string, q Query) (*api.NodeMeta, error) {
	q.Params = map[string]string{"node_id": id}
	return send[*api.NodeMeta](ctx, n.c, http.MethodPost, "/v1/client/metadata", q, api.NodeMetaRequest{NodeID: id, Meta: meta})
}
