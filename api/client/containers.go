package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/droverhq/drover/api"
)

// Namespaces are the routes below /v1/namespaces and /v1/namespace.
type Namespaces struct{ c *Client }

func namespacePath(name string) string { return "/v1/namespace/" + url.PathEscape(name) }

// List returns the namespaces.
func (n *Namespaces) List(ctx context.Context, q Query) ([]*api.Namespace, api.QueryMeta, error) {
	return get[[]*api.Namespace](ctx, n.c, "/v1/namespaces", q)
}

// Get returns a namespace.
func (n *Namespaces) Get(ctx context.Context, name string, q Query) (*api.Namespace, api.QueryMeta, error) {
	return get[*api.Namespace](ctx, n.c, namespacePath(name), q)
}

// Put makes or changes a namespace.
func (n *Namespaces) Put(ctx context.Context, namespace *api.Namespace) error {
	return n.c.write(ctx, http.MethodPut, namespacePath(namespace.Name), Query{}, namespace)
}

// Delete deletes a namespace in which no job is alive.
func (n *Namespaces) Delete(ctx context.Context, name string) error {
	return n.c.write(ctx, http.MethodDelete, namespacePath(name), Query{}, nil)
}

// NodePools are the routes below /v1/node/pools and /v1/node/pool.
type NodePools struct{ c *Client }

func poolPath(name, rest string) string { return "/v1/node/pool/" + url.PathEscape(name) + rest }

// List returns the node pools.
func (p *NodePools) List(ctx context.Context, q Query) ([]*api.NodePool, api.QueryMeta, error) {
	return get[[]*api.NodePool](ctx, p.c, "/v1/node/pools", q)
}

// Get returns a node pool.
func (p *NodePools) Get(ctx context.Context, name string, q Query) (*api.NodePool, api.QueryMeta, error) {
	return get[*api.NodePool](ctx, p.c, poolPath(name, ""), q)
}

// Put makes or changes a node pool.
func (p *NodePools) Put(ctx context.Context, pool *api.NodePool) error {
	return p.c.write(ctx, http.MethodPut, "/v1/node/pools", Query{}, pool)
}

// Delete deletes a node pool that has neither nodes nor live jobs.
func (p *NodePools) Delete(ctx context.Context, name string) error {
	return p.c.write(ctx, http.MethodDelete, poolPath(name, ""), Query{}, nil)
}

// Nodes returns the nodes of a pool.
func (p *NodePools) Nodes(ctx context.Context, name string, q Query) ([]*api.NodeListStub, api.QueryMeta, error) {
	return get[[]*api.NodeListStub](ctx, p.c, poolPath(name, "/nodes"), q)
}

// Jobs returns the jobs of a pool.
func (p *NodePools) Jobs(ctx context.Context, name string, q Query) ([]*api.JobListStub, api.QueryMeta, error) {
	return get[[]*api.JobListStub](ctx, p.c, poolPath(name, "/jobs"), q)
}
