package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/droverhq/drover/api"
)

// Jobs are the routes below /v1/jobs and /v1/job.
type Jobs struct{ c *Client }

func jobPath(id, rest string) string { return "/v1/job/" + url.PathEscape(id) + rest }

// List returns the jobs that the query selects.
func (j *Jobs) List(ctx context.Context, q Query) ([]*api.JobListStub, api.QueryMeta, error) {
	return get[[]*api.JobListStub](ctx, j.c, "/v1/jobs", q)
}

// Get returns the current version of a job.
func (j *Jobs) Get(ctx context.Context, id string, q Query) (*api.Job, api.QueryMeta, error) {
	return get[*api.Job](ctx, j.c, jobPath(id, ""), q)
}

// Parse has the server read a jobspec; with canonicalize, fill in the defaults.
func (j *Jobs) Parse(ctx context.Context, hcl, variables string, canonicalize bool) (*api.Job, error) {
	return send[*api.Job](ctx, j.c, http.MethodPost, "/v1/jobs/parse", Query{},
		api.JobsParseRequest{JobHCL: hcl, Variables: variables, Canonicalize: canonicalize})
}

// Validate has the server check a job.
func (j *Jobs) Validate(ctx context.Context, job *api.Job) (*api.JobValidateResponse, error) {
	return send[*api.JobValidateResponse](ctx, j.c, http.MethodPut, "/v1/validate/job", forJob(job),
		api.JobRegisterRequest{Job: job})
}

// Register submits a job.
func (j *Jobs) Register(ctx context.Context, r api.JobRegisterRequest) (*api.JobRegisterResponse, error) {
	return send[*api.JobRegisterResponse](ctx, j.c, http.MethodPut, "/v1/jobs", forJob(r.Job), r)
}

// Plan says what registering the job would do.
func (j *Jobs) Plan(ctx context.Context, job *api.Job, diff bool) (*api.JobPlanResponse, error) {
	return send[*api.JobPlanResponse](ctx, j.c, http.MethodPut, jobPath(api.Deref(job.ID), "/plan"), forJob(job),
		api.JobPlanRequest{Job: job, Diff: diff})
}

// forJob is the query of a write of a job, in the namespace that the job names.
func forJob(job *api.Job) Query { return Query{Namespace: api.Deref(job.Namespace)} }

// Stop stops a job; with purge it is also forgotten.
func (j *Jobs) Stop(ctx context.Context, id string, purge bool, q Query) (*api.JobDeregisterResponse, error) {
	q.Params = map[string]string{"purge": strconv.FormatBool(purge)}
	return send[*api.JobDeregisterResponse](ctx, j.c, http.MethodDelete, jobPath(id, ""), q, nil)
}

// Dispatch makes a child of a parameterized job. With a token that was used before, the
// answer names the child that it made.
func (j *Jobs) Dispatch(ctx context.Context, id string, r api.JobDispatchRequest, token string, q Query) (*api.JobDispatchResponse, error) {
	if token != "" {
		q.Params = map[string]string{"idempotency_token": token}
	}
	return send[*api.JobDispatchResponse](ctx, j.c, http.MethodPut, jobPath(id, "/dispatch"), q, r)
}

// PeriodicForce launches a periodic job now.
func (j *Jobs) PeriodicForce(ctx context.Context, id string, q Query) (*api.PeriodicForceResponse, error) {
	return send[*api.PeriodicForceResponse](ctx, j.c, http.MethodPut, jobPath(id, "/periodic/force"), q, nil)
}

// Evaluate asks for a new pass over a job. With forceReschedule, instances that failed
// are replaced whatever their reschedule policy says.
func (j *Jobs) Evaluate(ctx context.Context, id string, forceReschedule bool, q Query) (*api.JobRegisterResponse, error) {
	r := api.JobEvaluateRequest{JobID: id, EvalOptions: api.EvalOptions{ForceReschedule: forceReschedule}}
	return send[*api.JobRegisterResponse](ctx, j.c, http.MethodPut, jobPath(id, "/evaluate"), q, r)
}

// Allocations returns the allocations of a job.
func (j *Jobs) Allocations(ctx context.Context, id string, all bool, q Query) ([]*api.AllocationListStub, api.QueryMeta, error) {
	q.Params = map[string]string{"all": strconv.FormatBool(all)}
	return get[[]*api.AllocationListStub](ctx, j.c, jobPath(id, "/allocations"), q)
}

// Evaluations returns the evaluations of a job.
func (j *Jobs) Evaluations(ctx context.Context, id string, q Query) ([]*api.Evaluation, api.QueryMeta, error) {
	return get[[]*api.Evaluation](ctx, j.c, jobPath(id, "/evaluations"), q)
}

// Deployments returns the deployments of a job.
func (j *Jobs) Deployments(ctx context.Context, id string, q Query) ([]*api.Deployment, api.QueryMeta, error) {
	return get[[]*api.Deployment](ctx, j.c, jobPath(id, "/deployments"), q)
}

// LatestDeployment returns a job's newest deployment, nil if it has none.
func (j *Jobs) LatestDeployment(ctx context.Context, id string, q Query) (*api.Deployment, api.QueryMeta, error) {
	return get[*api.Deployment](ctx, j.c, jobPath(id, "/deployment"), q)
}

// Versions returns the versions of a job, newest first, with their differences if
// asked for.
func (j *Jobs) Versions(ctx context.Context, id string, diffs bool, q Query) (*api.JobVersionsResponse, api.QueryMeta, error) {
	q.Params = map[string]string{"diffs": strconv.FormatBool(diffs)}
	return get[*api.JobVersionsResponse](ctx, j.c, jobPath(id, "/versions"), q)
}

// Summary counts a job's allocations.
func (j *Jobs) Summary(ctx context.Context, id string, q Query) (*api.JobSummary, api.QueryMeta, error) {
	return get[*api.JobSummary](ctx, j.c, jobPath(id, "/summary"), q)
}

// Submission returns the text that a version of a job was submitted as.
func (j *Jobs) Submission(ctx context.Context, id string, version uint64, q Query) (*api.JobSubmission, api.QueryMeta, error) {
	q.Params = map[string]string{"version": strconv.FormatUint(version, 10)}
	return get[*api.JobSubmission](ctx, j.c, jobPath(id, "/submission"), q)
}
