package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

func (c *cli) jobRun() *cobra.Command {
	files := new(jobFile)
	var detach, verbose, output, preserveCounts bool
	var checkIndex string
	var evalPriority int
	cmd := c.verb("run FILE", "Run a job, or update it",
		"FILE may be - for standard input. The placement is followed to its end, and the\nrollout if there is one; it is safe to interrupt that. drover apply does the same\nand shows first what it would change.", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			job, warnings, err := files.read(c.In, args[0])
			if err != nil {
				return err
			}
			if output {
				return printJSON(c.Out, map[string]*api.Job{"Job": job.Job})
			}
			req := api.JobRegisterRequest{Job: job.Job, Submission: job.Submission, PreserveCounts: preserveCounts, EvalPriority: evalPriority}
			if err := enforce(&req, checkIndex); err != nil {
				return err
			}
			resp, err := cl.Jobs.Register(ctx, req)
			if err != nil {
				return registerError(err)
			}
			c.warn(warnings, resp.Warnings)
			if job.Job.IsTemplate() {
				c.registered(job.Job, time.Now())
				return nil
			}
			if detach || resp.EvalID == "" {
				fmt.Fprintf(c.Out, "Job registration successful\nEvaluation ID: %s\n", resp.EvalID)
				return nil
			}
			return c.monitor(cl, ids(verbose)).follow(ctx, resp.EvalID)
		})
	f := cmd.Flags()
	files.register(f)
	f.BoolVar(&detach, "detach", false, "print the evaluation's ID and don't wait")
	f.BoolVar(&verbose, "verbose", false, "show full IDs")
	f.BoolVar(&output, "output", false, "print the job as JSON and don't submit it")
	f.BoolVar(&preserveCounts, "preserve-counts", false, "keep the counts of the running job")
	f.StringVar(&checkIndex, "check-index", "", "submit only if the job's modify `index` is this; 0: only if it does not exist")
	f.IntVar(&evalPriority, "eval-priority", 0, "`priority` of the evaluation, instead of the job's")
	return cmd
}

// enforce puts -check-index into a request.
func enforce(req *api.JobRegisterRequest, checkIndex string) error {
	if checkIndex == "" {
		return nil
	}
	index, err := strconv.ParseUint(checkIndex, 10, 64)
	if err != nil {
		return failf(1, "-check-index %q is not a number; job plan prints the one to use", checkIndex)
	}
	req.EnforceIndex, req.JobModifyIndex = true, index
	return nil
}

// registerError explains why a job was not registered.
func registerError(err error) error {
	var status *client.StatusError
	if errors.As(err, &status) && strings.Contains(status.Body, "Enforcing job modify index") {
		return failf(1, "%s\nJob not updated", strings.TrimSpace(status.Body))
	}
	return fmt.Errorf("Error submitting job: %w", err)
}
