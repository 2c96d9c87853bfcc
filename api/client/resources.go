package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/droverhq/drover/api"
)

// Kinds are the routes /v1/kinds and /v1/kind: definitions of author-defined kinds.
type Kinds struct{ c *Client }

func kindPath(name string) string { return "/v1/kind/" + url.PathEscape(name) }

// List returns the definitions of all kinds.
func (k *Kinds) List(ctx context.Context, q Query) ([]*api.KindDefinition, api.QueryMeta, error) {
	return get[[]*api.KindDefinition](ctx, k.c, "/v1/kinds", q)
}

// Get returns the definition of a kind.
func (k *Kinds) Get(ctx context.Context, name string, q Query) (*api.KindDefinition, api.QueryMeta, error) {
	return get[*api.KindDefinition](ctx, k.c, kindPath(name), q)
}

// Define makes a kind, or changes one. A schema that existing objects do not pass is an
// api.ErrConflict that names them.
func (k *Kinds) Define(ctx context.Context, d *api.KindDefinition, o ...Write) (uint64, error) {
	r, err := send[api.IndexResponse](ctx, k.c, http.MethodPut, kindPath(d.Name), Query{Params: params(o)}, d)
	return r.Index, err
}

// Delete ends a kind that has no objects.
func (k *Kinds) Delete(ctx context.Context, name string, o ...Write) (uint64, error) {
	r, err := send[api.IndexResponse](ctx, k.c, http.MethodDelete, kindPath(name), Query{Params: params(o)}, nil)
	return r.Index, err
}

// Write qualifies a write.
type Write struct{ name, value string }

// CAS makes a write fail with an api.ErrConflict unless what it writes was last written
// at the index, or, if that is 0, does not exist.
func CAS(index uint64) Write { return Write{"cas", strconv.FormatUint(index, 10)} }

func params(o []Write) map[string]string {
	out := map[string]string{}
	for _, w := range o {
		out[w.name] = w.value
	}
	return out
}

// Resources are the routes /v1/resources and /v1/resource: objects of author-defined
// kinds.
type Resources struct{ c *Client }

func resourcePath(kind api.Kind, name string) string {
	return "/v1/resource/" + url.PathEscape(string(kind)) + "/" + url.PathEscape(name)
}

// List returns the objects of a kind with their statuses.
func (r *Resources) List(ctx context.Context, kind api.Kind, q Query) ([]*api.Resource, api.QueryMeta, error) {
	return get[[]*api.Resource](ctx, r.c, "/v1/resources/"+url.PathEscape(string(kind)), q)
}

// Get returns an object with its status.
func (r *Resources) Get(ctx context.Context, kind api.Kind, name string, q Query) (*api.Resource, api.QueryMeta, error) {
	return get[*api.Resource](ctx, r.c, resourcePath(kind, name), q)
}

// Put writes the spec of an object and returns the index; one that is there already, and
// the same, is left alone.
func (r *Resources) Put(ctx context.Context, o *api.Resource, opts ...Write) (uint64, error) {
	out, err := send[api.IndexResponse](ctx, r.c, http.MethodPut, resourcePath(o.Kind, o.Name),
		Query{Namespace: o.Namespace, Params: params(opts)},
		&api.Resource{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name, Spec: o.Spec})
	return out.Index, err
}

// PutStatus writes what a controller says of an object.
func (r *Resources) PutStatus(ctx context.Context, s *api.ResourceStatus, opts ...Write) (uint64, error) {
	out, err := send[api.IndexResponse](ctx, r.c, http.MethodPut, resourcePath(s.Kind, s.Name)+"/status",
		Query{Namespace: s.Namespace, Params: params(opts)}, s)
	return out.Index, err
}

// Delete removes an object and its status.
func (r *Resources) Delete(ctx context.Context, kind api.Kind, name string, q Query, opts ...Write) (uint64, error) {
	q.Params = params(opts)
	out, err := send[api.IndexResponse](ctx, r.c, http.MethodDelete, resourcePath(kind, name), q, nil)
	return out.Index, err
}
