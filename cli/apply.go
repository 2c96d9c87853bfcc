package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
	"github.com/droverhq/drover/jobspec"
)

// applyRetries is how often apply plans anew when somebody else changed the job
// between its plan and its submission.
const applyRetries = 3

func (c *cli) apply() *cobra.Command {
	files := new(jobFile)
	var detach, verbose, wait bool
	cmd := c.verb("apply FILE|FOLDER|-", "Make the cluster run what files say, and follow it until it does",
		`Every job is planned, the difference is shown, and what changed is submitted,
guarded by the job's index: a change that somebody else makes meanwhile is never
overwritten unseen. Then the rollout is followed to its end: a service until all is
healthy, a batch job until it has ended.

Of a folder the files *.nomad.hcl, *.nomad.json, *.nomad, *.kind.hcl and *.kind.json are
applied, in the order of their names, but jobs after those that they depend on; where
there are none, *.hcl and *.json.

A file may also hold kind_definition and kind blocks: kinds of your own, and objects of
them. They are applied before the jobs, definitions first.

A job that may not begin yet (depends_on) is not waited for: apply says what it waits
for and goes on. With -wait it is followed like the others, until it has begun and ended.

Exit code 0 only when all jobs are healthy, complete or wait for others; 1 for errors and
failures; 2 when something could not be placed (it will be, as soon as there is room).
To interrupt it is safe (exit code 130): what was submitted goes on.`, cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			paths, err := jobPaths(args[0])
			if err != nil {
				return err
			}
			a := &applier{cli: c, cl: cl, files: files, detach: detach, wait: wait, ids: ids(verbose), verbose: verbose}
			return a.all(ctx, paths)
		})
	files.register(cmd.Flags())
	cmd.Flags().BoolVar(&detach, "detach", false, "submit and don't wait")
	cmd.Flags().BoolVar(&wait, "wait", false, "follow jobs that wait for others, too")
	cmd.Flags().BoolVar(&verbose, "verbose", false, "show full IDs, and what stays the same")
	return cmd
}

// jobPaths are the job files that an argument names.
func jobPaths(arg string) ([]string, error) {
	if arg == "-" {
		return []string{arg}, nil
	}
	info, err := os.Stat(arg)
	if err != nil {
		return nil, fmt.Errorf("nothing applied: %w", err)
	}
	if !info.IsDir() {
		return []string{arg}, nil
	}
	entries, err := os.ReadDir(arg)
	if err != nil {
		return nil, fmt.Errorf("nothing applied: %w", err)
	}
	for _, endings := range [][]string{{".nomad.hcl", ".nomad.json", ".nomad", ".kind.hcl", ".kind.json"}, {".hcl", ".json"}} {
		var paths []string
		for _, e := range entries {
			if !e.IsDir() && slices.ContainsFunc(endings, func(end string) bool { return strings.HasSuffix(e.Name(), end) }) {
				paths = append(paths, filepath.Join(arg, e.Name()))
			}
		}
		if len(paths) > 0 {
			return paths, nil
		}
	}
	return nil, failf(1, "nothing applied: no *.nomad.hcl, *.hcl or *.json in %s", arg)
}

// applier applies job files.
type applier struct {
	*cli
	cl      *client.Client
	files   *jobFile
	detach  bool
	wait    bool // for jobs that wait for others
	verbose bool
	ids     ids
}

// all reads every file before it applies the first, so that a mistake in one leaves
// nothing half done; then a job that fails does not keep the others from running.
func (a *applier) all(ctx context.Context, paths []string) error {
	var jobs []*parsedJob
	var kinds manifests
	var wrong []error
	from := map[string]string{}
	for _, path := range paths {
		src, err := readAll(a.In, path)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		if jobspec.HoldsKinds(src) {
			wrong = append(wrong, kinds.read(a.files.options(path, src)))
			continue
		}
		job, warnings, err := a.files.parse(path, src)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		id := api.Deref(job.Job.Namespace) + "/" + api.Deref(job.Job.ID)
		if other, twice := from[id]; twice {
			wrong = append(wrong, fmt.Errorf("%s and %s both say what job %q is", other, path, api.Deref(job.Job.ID)))
		}
		from[id] = path
		job.Warnings = warnings
		jobs = append(jobs, job)
	}
	if err := errors.Join(wrong...); err != nil {
		return failf(1, "nothing applied:\n%w", err)
	}
	if err := a.kinds(ctx, &kinds); err != nil {
		return err
	}
	var failed []string
	code := 0
	for _, job := range inOrder(jobs, a.cl.Namespace()) {
		err := a.one(ctx, job)
		if ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if errors.Is(err, syscall.ECONNREFUSED) {
			return fmt.Errorf("job %q: %w", api.Deref(job.Job.ID), err) // nor would the others fare better
		}
		if err != nil {
			failed = append(failed, api.Deref(job.Job.ID))
			code = max(code, a.report(job, err))
		}
	}
	if code == 0 {
		return nil
	}
	if len(jobs) > 1 {
		return failf(code, "not healthy, %d of %d jobs: %s", len(failed), len(jobs), strings.Join(failed, ", "))
	}
	return exit(code)
}

// report prints why a job is not healthy and returns the exit code for it.
func (a *applier) report(job *parsedJob, err error) int {
	var e *exitError
	if !errors.As(err, &e) {
		e = &exitError{code: 1, err: err}
	}
	if e.err != nil {
		fmt.Fprintf(a.Err, "job %q: %v\n", api.Deref(job.Job.ID), e.err)
	}
	return e.code
}

// one applies one job.
func (a *applier) one(ctx context.Context, job *parsedJob) error {
	a.resume = ""
	for try := 1; ; try++ {
		plan, err := a.cl.Jobs.Plan(ctx, job.Job, true)
		if err != nil {
			return fmt.Errorf("plan: %w", err)
		}
		if try == 1 {
			a.warn(job.Warnings, plan.Warnings)
		}
		if unchanged(plan) {
			fmt.Fprintf(a.Out, "job %q is unchanged\n", api.Deref(job.Job.ID))
			return a.follow(ctx, job, "", plan.JobModifyIndex)
		}
		fmt.Fprintln(a.Out, strings.TrimRight(a.diffText(plan.Diff, a.verbose), "\n"))
		resp, err := a.cl.Jobs.Register(ctx, api.JobRegisterRequest{
			Job: job.Job, Submission: job.Submission, EnforceIndex: true, JobModifyIndex: plan.JobModifyIndex,
		})
		if err == nil {
			return a.submitted(ctx, job, resp)
		}
		if try == applyRetries || !strings.Contains(err.Error(), "Enforcing job modify index") {
			return registerError(err)
		}
		fmt.Fprintf(a.Out, "job %q was changed by somebody else meanwhile; planning again\n", api.Deref(job.Job.ID))
	}
}

func unchanged(plan *api.JobPlanResponse) bool {
	return plan.JobModifyIndex > 0 && (plan.Diff == nil || plan.Diff.Type == api.DiffNone)
}

func (a *applier) submitted(ctx context.Context, job *parsedJob, resp *api.JobRegisterResponse) error {
	fmt.Fprintf(a.Out, "job %q submitted (index %d)\n", api.Deref(job.Job.ID), resp.JobModifyIndex)
	return a.follow(ctx, job, resp.EvalID, resp.JobModifyIndex)
}
