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

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

// Exit codes of plan.
const (
	planNoChange = 0
	planChange   = 1
	planError    = 255
)

func (c *cli) plan(use string) *cobra.Command {
	files := new(jobFile)
	var diff, verbose bool
	cmd := c.verb(use, "Show what running a job would change",
		"Nothing is changed. Exit code 0: nothing would change, 1: something would,\n255: error. FILE may be - for standard input.", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			changes, err := c.showPlan(ctx, cl, files, args[0], diff, verbose)
			if err != nil {
				return &exitError{code: planError, err: err}
			}
			if changes {
				return exit(planChange)
			}
			return nil
		})
	files.register(cmd.Flags())
	cmd.Flags().BoolVar(&diff, "diff", true, "show the difference to the running job")
	cmd.Flags().BoolVar(&verbose, "verbose", false, "show also what stays the same, and every allocation that would be preempted")
	return cmd
}

func (c *cli) showPlan(ctx context.Context, cl *client.Client, files *jobFile, path string, diff, verbose bool) (changes bool, err error) {
	job, warnings, err := files.read(c.In, path)
	if err != nil {
		return false, err
	}
	plan, err := cl.Jobs.Plan(ctx, job.Job, true)
	if err != nil {
		return false, fmt.Errorf("Error during plan: %w", err)
	}
	if diff && plan.Diff != nil {
		fmt.Fprintln(c.Out, strings.TrimRight(c.diffText(plan.Diff, verbose), "\n"))
		fmt.Fprintln(c.Out)
	}
	fmt.Fprint(c.Out, "Scheduler dry-run:\n", dryRunText(plan, time.Now()))
	if plan.Annotations != nil {
		fmt.Fprint(c.Out, preemptionText(plan.Annotations.PreemptedAllocs, verbose))
	}
	c.warn(warnings, plan.Warnings)
	fmt.Fprintf(c.Out, `Job Modify Index: %d
To submit the job with version verification run:

drover job run -check-index %[1]d %s

When running the job with the check-index flag, the job will only be run if the
job modify index given matches the server-side version. If the index has
changed, another user has modified the job and the plan's results are
potentially invalid.
`, plan.JobModifyIndex, files.arguments(path))
	return plannedChanges(plan), nil
}

// arguments repeats the flags that the file was read with.
func (f *jobFile) arguments(path string) string {
	var args []string
	if f.json {
		args = append(args, "-json")
	}
	for _, v := range f.vars {
		args = append(args, fmt.Sprintf("-var=%q", v))
	}
	for _, v := range f.varFiles {
		args = append(args, "-var-file="+v)
	}
	return strings.Join(append(args, path), " ")
}

// plannedChanges reports whether allocations would be made or stopped.
func plannedChanges(p *api.JobPlanResponse) bool {
	if p.Annotations == nil {
		return false
	}
	for _, u := range p.Annotations.DesiredTGUpdates {
		if u.Stop+u.Place+u.Migrate+u.DestructiveUpdate+u.Canary > 0 {
			return true
		}
	}
	return len(p.FailedTGAllocs) > 0
}

func dryRunText(p *api.JobPlanResponse, now time.Time) string {
	if p.Waits != "" {
		return "- The job " + p.Waits + "\n  Nothing is placed until then.\n" + placementText(p, now)
	}
	return placementText(p, now)
}

func placementText(p *api.JobPlanResponse, now time.Time) string {
	if len(p.FailedTGAllocs) == 0 {
		return "- All tasks successfully allocated.\n\n" + launchText(p, now)
	}
	return "- WARNING: Failed to place all allocations.\n" + failureText(p.FailedTGAllocs, "  ", true) + "\n" + launchText(p, now)
}

// preemptionsShown is how many allocations that would be preempted are shown one by one.
const preemptionsShown = 10

// preemptionText says which allocations would have to end: one by one if they are few or
// all is to be shown, else by job.
func preemptionText(evicted []*api.AllocationListStub, all bool) string {
	if len(evicted) == 0 {
		return ""
	}
	text := "Preemptions:\n\n"
	if len(evicted) <= preemptionsShown || all {
		rows := [][]string{{"Alloc ID", "Job ID", "Task Group"}}
		for _, a := range evicted {
			rows = append(rows, []string{a.ID, a.JobID, a.TaskGroup})
		}
		return text + table(rows) + "\n"
	}
	type job struct{ id, namespace, kind string }
	counts := map[job]int{}
	for _, a := range evicted {
		counts[job{a.JobID, a.Namespace, a.JobType}]++
	}
	order := slices.SortedFunc(maps.Keys(counts), func(a, b job) int {
		return cmp.Or(strings.Compare(a.namespace, b.namespace), strings.Compare(a.id, b.id))
	})
	rows := [][]string{{"Job ID", "Namespace", "Job Type", "Preemptions"}}
	for _, j := range order {
		rows = append(rows, []string{j.id, j.namespace, j.kind, strconv.Itoa(counts[j])})
	}
	return text + table(rows) + "\n"
}

// launchText says when a planned job would be launched by the clock.
func launchText(p *api.JobPlanResponse, now time.Time) string {
	if p.NextPeriodicLaunch == nil {
		return ""
	}
	return fmt.Sprintf("- If submitted now, next periodic launch would be at %s.\n\n", launchTime(*p.NextPeriodicLaunch, now))
}
