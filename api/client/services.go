package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/droverhq/drover/api"
)

// Services are the routes below /v1/services and /v1/service.
type Services struct{ c *Client }

// List returns the services of the namespaces that the query selects.
func (s *Services) List(ctx context.Context, q Query) ([]*api.ServiceList, api.QueryMeta, error) {
	return get[[]*api.ServiceList](ctx, s.c, "/v1/services", q)
}

// Get returns the instances of a service.
func (s *Services) Get(ctx context.Context, name string, q Query) ([]*api.ServiceRegistration, api.QueryMeta, error) {
	return get[[]*api.ServiceRegistration](ctx, s.c, "/v1/service/"+url.PathEscape(name), q)
}

// Delete takes an instance of a service out of the register, for as long as its
// allocation runs.
func (s *Services) Delete(ctx context.Context, name, id string, q Query) error {
	return s.c.write(ctx, http.MethodDelete, "/v1/service/"+url.PathEscape(name)+"/"+url.PathEscape(id), q, nil)
}

// Checks returns how the checks of an allocation's services do, by ID, as its node
// agent knows it.
func (a *Allocations) Checks(ctx context.Context, id string, q Query) (map[string]*api.CheckResult, error) {
	out, _, err := get[map[string]*api.CheckResult](ctx, a.c, "/v1/client/allocation/"+url.PathEscape(id)+"/checks", q)
	return out, err
}

// LastChecks returns how the checks of an allocation's services did when one of them
// last turned, by ID, as the servers know it.
func (a *Allocations) LastChecks(ctx context.Context, id string, q Query) (map[string]*api.CheckResult, error) {
	out, _, err := get[map[string]*api.CheckResult](ctx, a.c, "/v1/allocation/"+url.PathEscape(id)+"/checks", q)
	return out, err
}

// Services returns the services that an allocation offers.
func (a *Allocations) Services(ctx context.Context, id string, q Query) ([]*api.ServiceRegistration, api.QueryMeta, error) {
	return get[[]*api.ServiceRegistration](ctx, a.c, "/v1/allocation/"+url.PathEscape(id)+"/services", q)
}
