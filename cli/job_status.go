package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

// jobView is what job status shows.
type jobView struct {
	short, verbose, evals, allAllocs bool
	form                             form
}

func (c *cli) jobStatus() *cobra.Command {
	v := new(jobView)
	cmd := c.verb("status [JOB]", "List the jobs, or show one with its allocations",
		"JOB may be the beginning of a job's ID.", cobra.MaximumNArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			if len(args) == 0 {
				return c.listJobs(ctx, cl, &v.form)
			}
			stub, err := c.findJob(ctx, cl, args[0])
			if err != nil {
				return err
			}
			return c.showJob(ctx, cl, stub, v)
		})
	f := cmd.Flags()
	f.BoolVar(&v.short, "short", false, "without evaluations, deployments and allocations")
	f.BoolVar(&v.verbose, "verbose", false, "with full IDs and evaluations")
	f.BoolVar(&v.evals, "evals", false, "with evaluations")
	f.BoolVar(&v.allAllocs, "all-allocs", false, "with allocations of earlier jobs of the same ID")
	v.form.register(f)
	return cmd
}

var jobHeader = []string{"ID", "Type", "Priority", "Status", "Submit Date"}

func jobRow(j *api.JobListStub) []string {
	kind := j.Type
	switch {
	case j.Periodic:
		kind += "/periodic"
	case j.ParameterizedJob:
		kind += "/parameterized"
	}
	status := j.Status
	if j.Stop {
		status += " (stopped)"
	}
	return []string{j.ID, kind, strconv.Itoa(j.Priority), status, stamp(j.SubmitTime)}
}

func (c *cli) listJobs(ctx context.Context, cl *client.Client, form *form) error {
	jobs, _, err := cl.Jobs.List(ctx, client.Query{})
	if err != nil {
		return fmt.Errorf("Error querying jobs: %w", err)
	}
	if form.asked() {
		return form.print(c.Out, jobs)
	}
	if len(jobs) == 0 {
		fmt.Fprintln(c.Out, "No running jobs")
		return nil
	}
	fmt.Fprint(c.Out, jobTable(jobs, c.conn.namespace == "*"))
	return nil
}

// jobTable lists jobs; everywhere adds their namespaces.
func jobTable(jobs []*api.JobListStub, everywhere bool) string {
	rows := [][]string{jobHeader}
	if everywhere {
		rows[0] = slices.Insert(slices.Clone(jobHeader), 1, "Namespace")
	}
	for _, j := range jobs {
		row := jobRow(j)
		if everywhere {
			row = slices.Insert(row, 1, j.Namespace)
		}
		rows = append(rows, row)
	}
	return table(rows)
}

// jobAnswers is what the servers say of a job.
type jobAnswers struct {
	job        *api.Job
	summary    *api.JobSummary
	evals      []*api.Evaluation
	deployment *api.Deployment // the latest one, or nil
	allocs     []*api.AllocationListStub
}

// askJob asks for all that is to be shown at once: while a cluster has much to do, each
// answer waits for what is being written.
func askJob(ctx context.Context, cl *client.Client, stub *api.JobListStub, v *jobView) (*jobAnswers, error) {
	a, q := &jobAnswers{}, client.Query{Namespace: stub.Namespace}
	asking, ctx := errgroup.WithContext(ctx)
	ask := func(what string, get func() error) {
		asking.Go(func() error {
			if err := get(); err != nil {
				return fmt.Errorf("Error querying %s: %w", what, err)
			}
			return nil
		})
	}
	ask("job", func() (err error) { a.job, _, err = cl.Jobs.Get(ctx, stub.ID, q); return })
	if !v.short && !v.form.asked() {
		ask("job summary", func() (err error) { a.summary, _, err = cl.Jobs.Summary(ctx, stub.ID, q); return })
		ask("job evaluations", func() (err error) { a.evals, _, err = cl.Jobs.Evaluations(ctx, stub.ID, q); return })
		ask("job deployment", func() (err error) { a.deployment, _, err = cl.Jobs.LatestDeployment(ctx, stub.ID, q); return })
		ask("job allocations", func() (err error) { a.allocs, _, err = cl.Jobs.Allocations(ctx, stub.ID, v.allAllocs, q); return })
	}
	return a, asking.Wait()
}

func (c *cli) showJob(ctx context.Context, cl *client.Client, stub *api.JobListStub, v *jobView) error {
	a, err := askJob(ctx, cl, stub, v)
	if err != nil {
		return err
	}
	if v.form.asked() {
		return v.form.print(c.Out, a.job)
	}
	fmt.Fprint(c.Out, jobFacts(a.job, time.Now()))
	if v.short {
		return nil
	}
	if err := c.showDependencies(ctx, cl, a.job); err != nil {
		return err
	}
	if a.job.IsTemplate() {
		return c.showChildren(ctx, cl, a.job, a.summary)
	}
	fmt.Fprint(c.Out, "\nSummary\n", summaryTable(a.summary), indexesText(a.summary))
	c.showJobHistory(a, v)
	return nil
}

func (c *cli) showJobHistory(a *jobAnswers, v *jobView) {
	if v.evals || v.verbose {
		newestFirst(a.evals)
		rows := [][]string{{"ID", "Priority", "Triggered By", "Status", "Placement Failures"}}
		for _, e := range a.evals {
			rows = append(rows, []string{ids(v.verbose).of(e.ID), strconv.Itoa(e.Priority), e.TriggeredBy, e.Status, placementFailures(e)})
		}
		fmt.Fprint(c.Out, "\nEvaluations\n", table(rows))
	}
	if failed := latestFailure(a.evals); failed != nil {
		fmt.Fprint(c.Out, "\nPlacement Failure\n", failureText(failed.FailedTGAllocs, "", false))
	}
	if a.deployment != nil {
		fmt.Fprintf(c.Out, "\nLatest Deployment\n%s", deploymentText(a.deployment, ids(v.verbose), false))
	}
	fmt.Fprint(c.Out, "\nAllocations\n", allocTable(a.allocs, ids(v.verbose), time.Now()))
}

func jobFacts(job *api.Job, now time.Time) string {
	status := api.Deref(job.Status)
	if job.Stopped() {
		status += " (stopped)"
	}
	facts := []string{
		"ID", api.Deref(job.ID),
		"Name", api.Deref(job.Name),
		"Submit Date", stamp(api.Deref(job.SubmitTime)),
		"Type", api.Deref(job.Type),
		"Priority", strconv.Itoa(api.Deref(job.Priority)),
		"Datacenters", strings.Join(job.Datacenters, ","),
		"Namespace", api.Deref(job.Namespace),
		"Node Pool", api.Deref(job.NodePool),
		"Status", status + remark(job),
		"Periodic", strconv.FormatBool(job.Periodic != nil),
		"Parameterized", strconv.FormatBool(job.IsDispatchable()),
	}
	if job.Periodic != nil && !job.IsDispatchable() {
		facts = append(facts, "Next Periodic Launch", nextLaunch(job, now))
	}
	return pairs(facts...)
}

func summaryTable(s *api.JobSummary) string {
	rows := [][]string{{"Task Group", "Queued", "Starting", "Running", "Failed", "Complete", "Lost", "Unknown"}}
	for _, g := range slices.Sorted(maps.Keys(s.Summary)) {
		n := s.Summary[g]
		row := []string{g}
		for _, v := range []int{n.Queued, n.Starting, n.Running, n.Failed, n.Complete, n.Lost, n.Unknown} {
			row = append(row, strconv.Itoa(v))
		}
		rows = append(rows, row)
	}
	return table(rows)
}

func placementFailures(e *api.Evaluation) string {
	if e.Status == api.EvalBlocked {
		return "N/A - In Progress"
	}
	return strconv.FormatBool(len(e.FailedTGAllocs) > 0)
}

// latestFailure returns the evaluation that says what could not be placed of the job
// as it is now: the blocked one, or (of a system job, which waits for nothing) the
// last one that was answered. That need not be the one that was made last: what was
// blocked was made before it blocked.
func latestFailure(evals []*api.Evaluation) *api.Evaluation {
	var blocked, last *api.Evaluation
	for _, e := range evals {
		if e.Status == api.EvalBlocked && (blocked == nil || e.CreateIndex > blocked.CreateIndex) {
			blocked = e
		}
		if last == nil || e.ModifyIndex > last.ModifyIndex {
			last = e
		}
	}
	if blocked == nil && last != nil && len(last.FailedTGAllocs) > 0 {
		return last
	}
	return blocked
}

// newestFirst puts evaluations in the order in which they are shown.
func newestFirst(evals []*api.Evaluation) {
	slices.SortStableFunc(evals, func(a, b *api.Evaluation) int { return cmp.Compare(b.CreateIndex, a.CreateIndex) })
}

func allocTable(allocs []*api.AllocationListStub, l ids, now time.Time) string {
	if len(allocs) == 0 {
		return "No allocations placed\n"
	}
	slices.SortStableFunc(allocs, func(a, b *api.AllocationListStub) int { return int(b.CreateTime/1e9 - a.CreateTime/1e9) })
	if l == longIDs {
		rows := [][]string{{"ID", "Eval ID", "Node ID", "Node Name", "Task Group", "Version", "Desired", "Status", "Created", "Modified"}}
		for _, a := range allocs {
			rows = append(rows, []string{
				a.ID, a.EvalID, a.NodeID, a.NodeName, a.TaskGroup, strconv.FormatUint(a.JobVersion, 10),
				a.DesiredStatus, a.ClientStatus, stamp(a.CreateTime), stamp(a.ModifyTime),
			})
		}
		return table(rows)
	}
	rows := [][]string{{"ID", "Node ID", "Task Group", "Version", "Desired", "Status", "Created", "Modified"}}
	for _, a := range allocs {
		rows = append(rows, []string{
			l.of(a.ID), l.of(a.NodeID), a.TaskGroup, strconv.FormatUint(a.JobVersion, 10),
			a.DesiredStatus, a.ClientStatus, ago(a.CreateTime, now), ago(a.ModifyTime, now),
		})
	}
	return table(rows)
}
