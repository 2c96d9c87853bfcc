package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/droverhq/drover/api"
)

func (d *Deployments) order(ctx context.Context, verb, id string, body any, q Query) (*api.DeploymentUpdateResponse, error) {
	return send[*api.DeploymentUpdateResponse](ctx, d.c, http.MethodPut, "/v1/deployment/"+verb+"/"+url.PathEscape(id), q, body)
}

// Pause pauses a deployment, or lets it go on.
func (d *Deployments) Pause(ctx context.Context, id string, pause bool, q Query) (*api.DeploymentUpdateResponse, error) {
	return d.order(ctx, "pause", id, api.DeploymentPauseRequest{DeploymentID: id, Pause: pause}, q)
}

// Promote promotes the canaries of some groups, or of all if none is named.
func (d *Deployments) Promote(ctx context.Context, id string, groups []string, q Query) (*api.DeploymentUpdateResponse, error) {
	return d.order(ctx, "promote", id, api.DeploymentPromoteRequest{DeploymentID: id, All: len(groups) == 0, Groups: groups}, q)
}

// Fail ends a deployment.
func (d *Deployments) Fail(ctx context.Context, id string, q Query) (*api.DeploymentUpdateResponse, error) {
	return d.order(ctx, "fail", id, map[string]string{"DeploymentID": id}, q)
}

// Unblock lets a deployment go on that waits for other regions.
func (d *Deployments) Unblock(ctx context.Context, id string, q Query) (*api.DeploymentUpdateResponse, error) {
	return d.order(ctx, "unblock", id, map[string]string{"DeploymentID": id}, q)
}

// SetHealth says of allocations of a deployment how they do.
func (d *Deployments) SetHealth(ctx context.Context, id string, healthy, unhealthy []string, q Query) (*api.DeploymentUpdateResponse, error) {
	return d.order(ctx, "allocation-health", id,
		api.DeploymentAllocHealthRequest{DeploymentID: id, HealthyAllocationIDs: healthy, UnhealthyAllocationIDs: unhealthy}, q)
}

// Revert registers the spec of an earlier version again. enforce, if not nil, is the
// version that the job must have now.
func (j *Jobs) Revert(ctx context.Context, id string, version uint64, enforce *uint64, q Query) (*api.JobRegisterResponse, error) {
	return send[*api.JobRegisterResponse](ctx, j.c, http.MethodPut, jobPath(id, "/revert"), q,
		api.JobRevertRequest{JobID: id, JobVersion: version, EnforcePriorVersion: enforce})
}

// MarkStable says whether a version is one to go back to.
func (j *Jobs) MarkStable(ctx context.Context, id string, version uint64, stable bool, q Query) (*api.JobStabilityResponse, error) {
	return send[*api.JobStabilityResponse](ctx, j.c, http.MethodPut, jobPath(id, "/stable"), q,
		api.JobStabilityRequest{JobID: id, JobVersion: version, Stable: stable})
}

func tagPath(id, tag string) string { return jobPath(id, "/versions/"+url.PathEscape(tag)+"/tag") }

// Tag gives a version a tag; nil is the current version.
func (j *Jobs) Tag(ctx context.Context, id, tag string, version *uint64, description string, q Query) (*api.JobTagResponse, error) {
	return send[*api.JobTagResponse](ctx, j.c, http.MethodPut, tagPath(id, tag), q,
		api.JobTagRequest{Version: version, Description: description})
}

// Untag takes a tag away.
func (j *Jobs) Untag(ctx context.Context, id, tag string, q Query) (*api.JobTagResponse, error) {
	return send[*api.JobTagResponse](ctx, j.c, http.MethodDelete, tagPath(id, tag), q, nil)
}

// VersionsAgainst returns the versions of a job, newest first, each compared with the
// one that a tag names, or with a version if there is no tag.
func (j *Jobs) VersionsAgainst(ctx context.Context, id, tag string, version uint64, q Query) (*api.JobVersionsResponse, api.QueryMeta, error) {
	q.Params = map[string]string{"diff_tag": tag}
	if tag == "" {
		q.Params = map[string]string{"diff_version": strconv.FormatUint(version, 10)}
	}
	return get[*api.JobVersionsResponse](ctx, j.c, jobPath(id, "/versions"), q)
}
