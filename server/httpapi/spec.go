package httpapi

import (
	"fmt"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/admission"
	"github.com/droverhq/drover/cron"
	"github.com/droverhq/drover/jobspec"
	"github.com/droverhq/drover/store"
)

// prepare brings a job that came in a request into the form in which it is stored,
// and says what is wrong with it. Without a namespace or region it gets those of the
// request and the server.
func (c *call) prepare(j *api.Job) (warnings []string, err error) {
	if j == nil {
		return nil, malformed("the job is missing from the request")
	}
	if id, ok := c.path["job"]; ok && id != api.Deref(j.ID) {
		return nil, malformed("the job's ID %q is not the one in the path, %q", api.Deref(j.ID), id)
	}
	if api.Deref(j.Namespace) == "" {
		j.Namespace = new(c.namespace())
	}
	if api.Deref(j.Region) == "" {
		j.Region = new(c.api.agent.Region)
	}
	if api.Deref(j.NodePool) == "" {
		j.NodePool = c.api.defaultPool(*j.Namespace)
	}
	warnings = jobspec.Canonicalize(j)
	jobspec.AddImplicitConstraints(j)
	more, err := jobspec.Validate(j)
	warnings = append(warnings, more...)
	warnings = append(warnings, jobspec.ScheduleWarnings(j, c.api.now())...)
	if err != nil {
		return warnings, err
	}
	if region := *j.Region; region != c.api.agent.Region {
		return warnings, malformed("the job is for region %q, this server is of region %q", region, c.api.agent.Region)
	}
	return warnings, nil
}

// parseJob is PUT /v1/jobs/parse: a jobspec as the JSON that registers it.
func parseJob(c *call) error {
	var in api.JobsParseRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	if in.JobHCL == "" {
		return malformed("JobHCL is missing: the jobspec to be parsed")
	}
	parsed, _, err := jobspec.Parse(jobspec.ParseOptions{Body: []byte(in.JobHCL), VarText: in.Variables})
	if err != nil {
		return malformed("Failed to parse job: %v", err)
	}
	if in.Canonicalize {
		jobspec.FillDefaults(parsed)
	}
	encoded, err := api.SpecJSON(parsed)
	if err != nil {
		return fmt.Errorf("encode job: %w", err)
	}
	return c.answer(raw(encoded))
}

// planJob is PUT /v1/job/ID/plan: what registering the job would do.
func planJob(c *call) error {
	var in api.JobPlanRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	warnings, err := c.prepare(in.Job)
	if err != nil {
		return err
	}
	if err := c.api.store.Sync(c.http.Context()); err != nil {
		return err
	}
	warnings = append(warnings, oversubscriptionWarnings(c.api.store.Snapshot(), in.Job)...)
	out, err := c.api.dryRun(c.api.store.Snapshot(), in)
	if err != nil {
		return err
	}
	out.Warnings = jobspec.WarningText(warnings)
	c.indexHeader(out.JobModifyIndex)
	return c.answer(out)
}

// dryRun says what registering a job would do to the state of a snapshot.
func (a *API) dryRun(s store.Snapshot, in api.JobPlanRequest) (*api.JobPlanResponse, error) {
	now := a.now()
	_, did, err := planRegister(s, registration{job: in.Job, dryRun: true}, now)
	if err != nil {
		return nil, err
	}
	preview := a.live.DryRun(s, placed(did), now)
	out := &api.JobPlanResponse{
		Annotations:    preview.Annotations,
		FailedTGAllocs: preview.Failed,
		CreatedEvals:   preview.Created,
		Waits:          admission.Preview(s, did.job),
	}
	v := newView(s)
	for _, a := range preview.Preempted {
		out.Annotations.PreemptedAllocs = append(out.Annotations.PreemptedAllocs, v.stub(a, api.StubOptions{}))
	}
	if out.NextPeriodicLaunch, err = nextLaunch(did.job, now); err != nil {
		return nil, err
	}
	current := get[*api.Job](s, did.job.Key())
	if current != nil {
		out.JobModifyIndex = api.Deref(current.JobModifyIndex)
		out.Index = out.JobModifyIndex
	}
	if in.Diff {
		out.Diff = jobspec.Diff(current, did.job)
		annotate(out.Diff, preview.Updates)
	}
	return out, nil
}

// placed returns the job whose placement a plan shows: for one that only launches others
// and is about to change, what it launches, so that its author hears now that there is no
// room for it.
func placed(did registered) *api.Job {
	if !did.job.IsTemplate() || did.job.Stopped() || did.unchangedAt != 0 {
		return did.job
	}
	launched := *did.job
	launched.Periodic, launched.ParameterizedJob = nil, nil
	return &launched
}

// nextLaunch returns when a job is launched by the clock next; nil if it is not.
func nextLaunch(j *api.Job, now time.Time) (*time.Time, error) {
	if !j.LaunchesOnTime() {
		return nil, nil
	}
	schedule, err := cron.Of(j.Periodic)
	if err != nil {
		return nil, err
	}
	next := schedule.Next(now)
	if next.IsZero() {
		return nil, nil
	}
	return &next, nil
}

// diffs compares each version of a job with the one before; versions are newest first.
func diffs(versions []*api.Job) []*api.JobDiff {
	var out []*api.JobDiff
	for i := 0; i+1 < len(versions); i++ {
		out = append(out, jobspec.Diff(versions[i+1], versions[i]))
	}
	return out
}
