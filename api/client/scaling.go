package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/droverhq/drover/api"
)

// Scaling are the routes below /v1/scaling.
type Scaling struct{ c *Client }

// Policies lists the scaling policies; those of one job with Params "job".
func (s *Scaling) Policies(ctx context.Context, q Query) ([]*api.ScalingPolicyListStub, api.QueryMeta, error) {
	return get[[]*api.ScalingPolicyListStub](ctx, s.c, "/v1/scaling/policies", q)
}

// Policy returns a scaling policy.
func (s *Scaling) Policy(ctx context.Context, id string, q Query) (*api.ScalingPolicy, api.QueryMeta, error) {
	return get[*api.ScalingPolicy](ctx, s.c, "/v1/scaling/policy/"+url.PathEscape(id), q)
}

// Scale changes the count of a group, or records an event about it.
func (j *Jobs) Scale(ctx context.Context, id string, r api.ScalingRequest, q Query) (*api.JobRegisterResponse, error) {
	return send[*api.JobRegisterResponse](ctx, j.c, http.MethodPut, jobPath(id, "/scale"), q, r)
}

// ScaleStatus returns the counts of a job's groups, and what was done to them.
func (j *Jobs) ScaleStatus(ctx context.Context, id string, q Query) (*api.JobScaleStatus, api.QueryMeta, error) {
	return get[*api.JobScaleStatus](ctx, j.c, jobPath(id, "/scale"), q)
}
