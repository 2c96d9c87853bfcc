package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
	"github.com/droverhq/drover/cron"
)

// maxPayload is the largest payload that servers can be set to take, in bytes.
const maxPayload = 1 << 20

func (c *cli) jobDispatch() *cobra.Command {
	d := new(dispatch)
	cmd := c.verb("dispatch JOB [FILE]", "Make a job of a parameterized one and run it",
		`Every dispatch makes a job of its own, JOB/dispatch-TIME-RANDOM, with the payload in
FILE (- for standard input) and the meta that is given. Its placement is followed to
the end. Exit code 2 when something could not be placed.

With an idempotency token a job is made once: whoever dispatches with the same token
again gets the one that there is, for as long as it is there.`, cobra.RangeArgs(1, 2),
		func(ctx context.Context, cl *client.Client, args []string) error {
			stub, err := c.findJob(ctx, cl, args[0])
			if err != nil {
				return err
			}
			return c.dispatch(ctx, cl, stub, d, args[1:])
		})
	f := cmd.Flags()
	f.StringArrayVar(&d.meta, "meta", nil, "value of a meta key, `key=value`; may be given more than once")
	f.StringVar(&d.prefix, "id-prefix-template", "", "`text` in the ID of the job that is made, before the time")
	f.StringVar(&d.token, "idempotency-token", "", "`token` with which only one job is made")
	f.IntVar(&d.priority, "priority", 0, "`priority` of the job that is made, instead of JOB's")
	f.BoolVar(&d.detach, "detach", false, "print the IDs and don't wait")
	f.BoolVar(&d.verbose, "verbose", false, "show full IDs")
	f.Bool("ui", false, "ignored")
	return cmd
}

// dispatch is the flags of job dispatch.
type dispatch struct {
	meta            []string
	prefix, token   string
	priority        int
	detach, verbose bool
}

func (c *cli) dispatch(ctx context.Context, cl *client.Client, stub *api.JobListStub, d *dispatch, files []string) error {
	request := api.JobDispatchRequest{Meta: map[string]string{}, IDPrefixTemplate: d.prefix, Priority: d.priority}
	for _, m := range d.meta {
		key, value, ok := strings.Cut(m, "=")
		if !ok {
			return failf(1, "-meta %q is not of the form key=value", m)
		}
		request.Meta[key] = value
	}
	if len(files) > 0 {
		var err error
		if request.Payload, err = c.payload(files[0]); err != nil {
			return fmt.Errorf("Error reading input data: %w", err)
		}
	}
	resp, err := cl.Jobs.Dispatch(ctx, stub.ID, request, d.token, client.Query{Namespace: stub.Namespace})
	if err != nil {
		//lint:ignore ST1005 shown as it is
		return fmt.Errorf("Failed to dispatch job: %w", err)
	}
	facts := []string{"Dispatched Job ID", resp.DispatchedJobID}
	if resp.EvalID != "" {
		facts = append(facts, "Evaluation ID", ids(d.verbose).of(resp.EvalID))
	}
	fmt.Fprint(c.Out, pairs(facts...))
	if d.detach || resp.EvalID == "" {
		return nil
	}
	fmt.Fprintln(c.Out)
	return c.monitor(cl, ids(d.verbose)).follow(ctx, resp.EvalID)
}

// payload reads a file, or standard input.
func (c *cli) payload(path string) (b []byte, err error) {
	in := c.In
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		in = f
	}
	b, err = io.ReadAll(io.LimitReader(in, maxPayload+1))
	if err == nil && len(b) > maxPayload {
		err = fmt.Errorf("%s has more than 1 MiB, which no payload may have: %w", path, api.ErrTooLarge)
	}
	return b, err
}

func (c *cli) jobPeriodic() *cobra.Command {
	return noun("periodic", "Launch periodic jobs by hand", c.jobPeriodicForce())
}

func (c *cli) jobPeriodicForce() *cobra.Command {
	var detach, verbose bool
	cmd := c.verb("force JOB", "Launch a periodic job now",
		"The job is launched whatever its crons say, also if it says enabled = false, and\nalso if it prohibits overlap and another launch still runs. Its next launch stays\nwhere it is.", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			stub, err := c.findJob(ctx, cl, args[0])
			if err != nil {
				return err
			}
			resp, err := cl.Jobs.PeriodicForce(ctx, stub.ID, client.Query{Namespace: stub.Namespace})
			if err != nil {
				return fmt.Errorf("Error forcing periodic job %q: %w", stub.ID, err)
			}
			if detach {
				fmt.Fprintf(c.Out, "Force periodic successful\nEvaluation ID: %s\n", resp.EvalID)
				return nil
			}
			return c.monitor(cl, ids(verbose)).follow(ctx, resp.EvalID)
		})
	cmd.Flags().BoolVar(&detach, "detach", false, "print the evaluation's ID and don't wait")
	cmd.Flags().BoolVar(&verbose, "verbose", false, "show full IDs")
	return cmd
}

// registered prints that a job that only launches others was registered.
func (c *cli) registered(job *api.Job, now time.Time) {
	fmt.Fprintln(c.Out, "Job registration successful")
	if next := nextLaunch(job, now); job.Periodic != nil && !job.IsDispatchable() {
		fmt.Fprintln(c.Out, "Approximate next launch time:", next)
	}
}

// nextLaunch says when a periodic job is launched next, or why it is not.
func nextLaunch(job *api.Job, now time.Time) string {
	switch {
	case job.Stopped():
		return "none (job stopped)"
	case !job.LaunchesOnTime():
		return "none (launches are disabled; job periodic force still makes one)"
	}
	schedule, err := cron.Of(job.Periodic)
	if err != nil {
		return fmt.Sprintf("unknown (%v)", err)
	}
	next := schedule.Next(now)
	if next.IsZero() {
		return "none (all times that match are past)"
	}
	return launchTime(next, now)
}

func launchTime(next, now time.Time) string {
	left := next.Truncate(time.Second).Sub(now.Truncate(time.Second))
	return fmt.Sprintf("%s (%s from now)", next.Format(time.RFC3339), left)
}

// launchesText says what there is to say of a job that only launches others.
func launchesText(job *api.Job, now time.Time) string {
	if job.IsDispatchable() {
		return "waits to be dispatched"
	}
	return "next periodic launch: " + nextLaunch(job, now)
}

// showChildren prints what a job that only launches others has launched.
func (c *cli) showChildren(ctx context.Context, cl *client.Client, job *api.Job, summary *api.JobSummary) error {
	id, q := api.Deref(job.ID), client.Query{Namespace: api.Deref(job.Namespace), Prefix: api.Deref(job.ID) + "/"}
	jobs, _, err := cl.Jobs.List(ctx, q)
	if err != nil {
		return fmt.Errorf("Error querying child jobs: %w", err)
	}
	title, launched, none := "Children Job Summary", "Previously Launched Jobs", "No instances of periodic job found"
	if job.IsDispatchable() {
		title, launched, none = "Parameterized Job Summary", "Dispatched Jobs", "No dispatched instances of parameterized job found"
		fmt.Fprint(c.Out, "\nParameterized Job\n", pairs(
			"Payload", job.ParameterizedJob.Payload,
			"Required Metadata", strings.Join(job.ParameterizedJob.MetaRequired, ", "),
			"Optional Metadata", strings.Join(job.ParameterizedJob.MetaOptional, ", "),
		))
	}
	fmt.Fprintf(c.Out, "\n%s\n%s", title, childrenTable(summary.Children))
	rows := [][]string{{"ID", "Status"}}
	newest := uint64(0)
	for _, child := range jobs {
		if child.ParentID == id {
			rows = append(rows, []string{child.ID, child.Status})
			newest = max(newest, child.CreateIndex)
		}
	}
	if err := c.showPassedOver(ctx, cl, job, newest); err != nil {
		return err
	}
	if len(rows) == 1 {
		fmt.Fprintf(c.Out, "\n%s\n", none)
		return nil
	}
	fmt.Fprintf(c.Out, "\n%s\n%s", launched, table(rows))
	return nil
}

func childrenTable(n *api.JobChildrenSummary) string {
	rows := [][]string{{"Pending", "Running", "Dead"}}
	if n != nil {
		rows = append(rows, []string{strconv.FormatInt(n.Pending, 10), strconv.FormatInt(n.Running, 10), strconv.FormatInt(n.Dead, 10)})
	}
	return table(rows)
}

// showPassedOver says why the latest launch of a job was not made, if it was not: newest
// is the index at which the newest child was.
func (c *cli) showPassedOver(ctx context.Context, cl *client.Client, job *api.Job, newest uint64) error {
	if !job.LaunchesOnTime() {
		return nil
	}
	evals, _, err := cl.Jobs.Evaluations(ctx, api.Deref(job.ID), client.Query{Namespace: api.Deref(job.Namespace)})
	if err != nil {
		return fmt.Errorf("Error querying job evaluations: %w", err)
	}
	newestFirst(evals)
	if len(evals) > 0 && evals[0].TriggeredBy == api.TriggerPeriodicJob && evals[0].CreateIndex > newest {
		fmt.Fprintf(c.Out, "\nPassed Over\n%s\n", evals[0].StatusDescription)
	}
	return nil
}
