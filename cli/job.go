package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
	"github.com/droverhq/drover/jobspec"
)

func (c *cli) job() *cobra.Command {
	return noun("job", "Run jobs and see how they do",
		c.jobRun(), c.plan("plan FILE"), c.jobValidate(), c.jobStatus(), c.jobInspect(), c.jobStop(), c.jobDispatch(), c.jobPeriodic(),
		c.jobScale(), c.jobScalingEvents(), c.jobAllocs(),
		c.jobEval(), c.jobRestart(),
		c.jobDeployments(), c.jobHistory(), c.jobPromote(), c.jobRevert(), c.jobTag(), c.jobAction())
}

func (c *cli) jobValidate() *cobra.Command {
	files := new(jobFile)
	cmd := c.verb("validate FILE", "Check a jobspec",
		"The server checks it too, if one can be reached. FILE may be - for standard input.", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			job, warnings, err := files.read(c.In, args[0])
			if err != nil {
				return err
			}
			resp, err := cl.Jobs.Validate(ctx, job.Job)
			if err != nil {
				return fmt.Errorf("Error validating job: %w", err)
			}
			if resp.Error != "" || len(resp.ValidationErrors) > 0 {
				return failf(1, "Job validation errors:\n%s", firstText(resp.Error, strings.Join(resp.ValidationErrors, "\n")))
			}
			c.warn(warnings, resp.Warnings)
			fmt.Fprintln(c.Out, "Job validation successful")
			return nil
		})
	files.register(cmd.Flags())
	return cmd
}

func firstText(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (c *cli) jobStop() *cobra.Command {
	var purge, yes, detach, verbose bool
	cmd := c.verb("stop JOB...", "Stop a job, or several",
		"Every allocation is stopped. The job stays to be looked at, and can be run again,\nuntil it is collected; with -purge it is forgotten at once.", cobra.MinimumNArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			var jobs []*api.JobListStub
			for _, arg := range args {
				stub, err := c.findJob(ctx, cl, arg)
				if err != nil {
					return err
				}
				if stub.ID != arg && !yes {
					return failf(1, "%q is the beginning of job %q only: to stop it give its whole ID, or -yes", arg, stub.ID)
				}
				jobs = append(jobs, stub)
			}
			for _, stub := range jobs {
				if err := c.stopJob(ctx, cl, stub, purge, detach, ids(verbose)); err != nil {
					return err
				}
			}
			return nil
		})
	f := cmd.Flags()
	f.BoolVar(&purge, "purge", false, "forget the job at once")
	f.BoolVarP(&yes, "yes", "y", false, "also when only the beginning of the ID is given")
	f.BoolVar(&detach, "detach", false, "print the evaluation's ID and don't wait")
	f.BoolVar(&verbose, "verbose", false, "show full IDs")
	return cmd
}

func (c *cli) stopJob(ctx context.Context, cl *client.Client, stub *api.JobListStub, purge, detach bool, l ids) error {
	resp, err := cl.Jobs.Stop(ctx, stub.ID, purge, client.Query{Namespace: stub.Namespace})
	if err != nil {
		return fmt.Errorf("Error deregistering job: %w", err)
	}
	if resp.EvalID == "" {
		return nil // it launched others, and had nothing to stop itself
	}
	if detach {
		fmt.Fprintln(c.Out, resp.EvalID)
		return nil
	}
	return c.monitor(cl, l).follow(ctx, resp.EvalID)
}

func (c *cli) jobInspect() *cobra.Command {
	var hcl bool
	var version string
	form := new(form)
	cmd := c.verb("inspect JOB", "Print a job as it was registered", "As JSON, or with -hcl as the text that was submitted.", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			stub, err := c.findJob(ctx, cl, args[0])
			if err != nil {
				return err
			}
			job, err := jobVersion(ctx, cl, stub, version)
			if err != nil {
				return err
			}
			if hcl {
				return c.printSubmission(ctx, cl, job)
			}
			if form.template != "" {
				return form.print(c.Out, job)
			}
			return printJSON(c.Out, map[string]*api.Job{"Job": job})
		})
	cmd.Flags().BoolVar(&hcl, "hcl", false, "the text that was submitted")
	form.register(cmd.Flags())
	cmd.Flags().StringVar(&version, "version", "", "the `number` of a version, instead of the current one")
	return cmd
}

func jobVersion(ctx context.Context, cl *client.Client, stub *api.JobListStub, version string) (*api.Job, error) {
	q := client.Query{Namespace: stub.Namespace}
	if version == "" {
		job, _, err := cl.Jobs.Get(ctx, stub.ID, q)
		if err != nil {
			return nil, fmt.Errorf("Error inspecting job: %w", err)
		}
		return job, nil
	}
	n, err := strconv.ParseUint(version, 10, 64)
	if err != nil {
		return nil, failf(1, "-version %q is not a number", version)
	}
	versions, _, err := cl.Jobs.Versions(ctx, stub.ID, false, q)
	if err != nil {
		return nil, fmt.Errorf("Error inspecting job: %w", err)
	}
	for _, v := range versions.Versions {
		if api.Deref(v.Version) == n {
			return v, nil
		}
	}
	return nil, failf(1, "Job %q has no version %d (any more)", stub.ID, n)
}

func (c *cli) printSubmission(ctx context.Context, cl *client.Client, job *api.Job) error {
	sub, _, err := cl.Jobs.Submission(ctx, api.Deref(job.ID), api.Deref(job.Version), client.Query{Namespace: api.Deref(job.Namespace)})
	if err != nil {
		return fmt.Errorf("Error reading the submitted text: %w\nWithout -hcl the job is printed as JSON", err)
	}
	fmt.Fprintln(c.Out, sub.Source)
	return nil
}

// warn prints what the jobspec's reader and the server warn of. What both say is
// said once, in the words that have its place in the file.
func (c *cli) warn(local []string, server string) {
	all := slices.Clone(local)
	_, rest, _ := strings.Cut(server, "\n\n* ")
	for _, w := range strings.Split(rest, "\n* ") {
		said := slices.ContainsFunc(local, func(l string) bool {
			_, text, _ := strings.Cut(l, ": ")
			return text != "" && strings.HasSuffix(w, text)
		})
		if w != "" && !said {
			all = append(all, w)
		}
	}
	if text := jobspec.WarningText(all); text != "" {
		fmt.Fprintf(c.Out, "Job Warnings:\n%s\n\n", text)
	}
}
