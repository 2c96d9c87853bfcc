package cli

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

// restartFlags say which allocations of a job are restarted, how, and how many at once.
type restartFlags struct {
	groups, tasks         []string
	allTasks, reschedule  bool
	noShutdownDelay       bool
	batchSize, batchWait  string
	onError               string
	yes, verbose, waitAsk bool
	wait                  time.Duration
}

const ask = "ask" // for what is to happen, each time

func (c *cli) jobRestart() *cobra.Command {
	r := new(restartFlags)
	cmd := c.verb("restart JOB", "Restart the allocations of a job, a few at a time",
		"Tasks are started again where they are; with -reschedule, allocations are stopped\nand placed anew. Each batch has to run again before the next one's turn.", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			if err := r.check(); err != nil {
				return err
			}
			return c.restartJob(ctx, cl, args[0], r)
		})
	f := cmd.Flags()
	f.StringVar(&r.batchSize, "batch-size", "1", "how many at once: `n` or n%")
	f.StringVar(&r.batchWait, "batch-wait", "0s", "`duration` between batches, or ask")
	f.StringArrayVar(&r.groups, "group", nil, "only allocations of the group `name`; may be repeated")
	f.StringArrayVar(&r.tasks, "task", nil, "only the task `name`; may be repeated")
	f.BoolVar(&r.allTasks, "all-tasks", false, "also tasks that have ended, in the order of their lifecycle")
	f.BoolVar(&r.reschedule, "reschedule", false, "stop the allocations and place them anew")
	f.BoolVar(&r.noShutdownDelay, "no-shutdown-delay", false, "with -reschedule: stop at once, without shutdown_delay")
	f.StringVar(&r.onError, "on-error", ask, "ask or fail, when a batch fails")
	f.BoolVarP(&r.yes, "yes", "y", false, "don't ask: go on after errors, without waiting")
	f.BoolVar(&r.verbose, "verbose", false, "show full IDs")
	return cmd
}

// check refuses what does not go together, and reads what needs reading.
func (r *restartFlags) check() error {
	switch {
	case r.allTasks && len(r.tasks) > 0:
		return failf(1, "-all-tasks and -task exclude each other")
	case r.reschedule && (r.allTasks || len(r.tasks) > 0):
		return failf(1, "-reschedule places whole allocations anew: leave out -task and -all-tasks")
	case r.noShutdownDelay && !r.reschedule:
		return failf(1, "-no-shutdown-delay needs -reschedule")
	case r.onError != ask && r.onError != "fail":
		return failf(1, "-on-error is ask or fail, not %q", r.onError)
	}
	if _, err := r.size(1); err != nil {
		return err
	}
	if r.waitAsk = r.batchWait == ask; r.waitAsk {
		return nil
	}
	var err error
	if r.wait, err = time.ParseDuration(r.batchWait); err != nil || r.wait < 0 {
		return failf(1, "-batch-wait is a duration such as 10s, or ask, not %q", r.batchWait)
	}
	return nil
}

// size returns how many of a number of allocations make a batch.
func (r *restartFlags) size(total int) (int, error) {
	text, percent := strings.CutSuffix(r.batchSize, "%")
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || percent && n > 100 {
		return 0, failf(1, "-batch-size is a number of allocations or a percentage, not %q", r.batchSize)
	}
	if percent {
		n = (total*n + 99) / 100
	}
	return n, nil
}

func (c *cli) restartJob(ctx context.Context, cl *client.Client, given string, r *restartFlags) error {
	stub, err := c.findJob(ctx, cl, given)
	if err != nil {
		return err
	}
	if stub.ID != given && !r.yes {
		return failf(1, "%q is the beginning of job %q only: to restart it give its whole ID, or -yes", given, stub.ID)
	}
	job, _, err := cl.Jobs.Get(ctx, stub.ID, client.Query{Namespace: stub.Namespace})
	if err != nil {
		return fmt.Errorf("Error querying job: %w", err)
	}
	if err := r.fits(job); err != nil {
		return err
	}
	all, _, err := cl.Jobs.Allocations(ctx, stub.ID, false, client.Query{Namespace: stub.Namespace})
	if err != nil {
		return fmt.Errorf("Error querying job allocations: %w", err)
	}
	allocs := slices.DeleteFunc(all, func(a *api.AllocationListStub) bool { return !r.concerns(a) })
	slices.SortFunc(allocs, func(a, b *api.AllocationListStub) int {
		return cmp.Or(strings.Compare(a.TaskGroup, b.TaskGroup), strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	if len(allocs) == 0 {
		fmt.Fprintln(c.Out, "No allocations to restart")
		return nil
	}
	run := &restart{monitor: c.monitor(cl, ids(r.verbose)), flags: r, answers: bufio.NewScanner(c.In)}
	return run.all(ctx, allocs)
}

// fits reports whether a job has what is to be restarted of it.
func (r *restartFlags) fits(job *api.Job) error {
	id := api.Deref(job.ID)
	if job.Stopped() {
		return failf(1, "Job %q is stopped: drover job run starts it again", id)
	}
	if r.reschedule && api.Deref(job.Type) == api.JobTypeSysBatch {
		return failf(1, "Job %q is of type %s: its allocations can't be placed anew", id, api.JobTypeSysBatch)
	}
	for _, name := range r.groups {
		if job.Group(name) == nil {
			return failf(1, "Job %q has no group %q", id, name)
		}
	}
	for _, name := range r.tasks {
		if !slices.ContainsFunc(job.TaskGroups, func(g *api.TaskGroup) bool { return r.meant(api.Deref(g.Name)) && g.Task(name) != nil }) {
			return failf(1, "Job %q has no task %q in the groups that are to be restarted", id, name)
		}
	}
	return nil
}

func (r *restartFlags) meant(group string) bool {
	return len(r.groups) == 0 || slices.Contains(r.groups, group)
}

// concerns reports whether an allocation is to be restarted.
func (r *restartFlags) concerns(a *api.AllocationListStub) bool {
	if a.DesiredStatus != api.AllocDesiredRun || a.ClientStatus != api.AllocClientRunning || !r.meant(a.TaskGroup) {
		return false
	}
	return len(r.tasks) == 0 || len(r.tasksOf(a)) > 0
}

// tasksOf returns the tasks of an allocation that were asked for by name and run.
func (r *restartFlags) tasksOf(a *api.AllocationListStub) []string {
	return slices.DeleteFunc(slices.Clone(r.tasks), func(name string) bool {
		t := a.TaskStates[name]
		return t == nil || t.State != api.TaskStateRunning
	})
}

// restart is a restart that goes on.
type restart struct {
	*monitor
	flags   *restartFlags
	answers *bufio.Scanner
	errs    []error
}

func (r *restart) all(ctx context.Context, allocs []*api.AllocationListStub) error {
	size, err := r.flags.size(len(allocs))
	if err != nil {
		return err
	}
	r.headline("Restarting %s", plural(len(allocs), "allocation"))
	batches := slices.Collect(slices.Chunk(allocs, size))
	for n, batch := range batches {
		if n > 0 {
			if goOn, err := r.between(ctx); err != nil || !goOn {
				return err
			}
		}
		if size > 1 {
			r.headline("Restarting %s batch of %s", ordinal(n+1), plural(len(batch), "allocation"))
		}
		failed := r.batch(ctx, batch)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if failed && n < len(batches)-1 && !r.goesOnAfterError() {
			break
		}
	}
	if len(r.errs) == 0 {
		r.headline("Job restart finished")
		fmt.Fprintln(r.Out, "\nJob restarted successfully!")
		return nil
	}
	r.headline("Job restart finished with errors")
	var text strings.Builder
	for _, err := range r.errs {
		fmt.Fprintf(&text, "\n* %v", err)
	}
	return failf(1, "%s occurred while restarting the job:%s", plural(len(r.errs), "error"), text.String())
}

// batch restarts some allocations and waits until they run again. It reports whether
// any did not.
func (r *restart) batch(ctx context.Context, allocs []*api.AllocationListStub) (failed bool) {
	waits := make([]func(context.Context) error, 0, len(allocs))
	note := func(a *api.AllocationListStub, err error) {
		if err != nil {
			failed = true
			r.errs = append(r.errs, fmt.Errorf("allocation %q: %w", r.ids.of(a.ID), err))
		}
	}
	for _, a := range allocs {
		wait, err := r.begin(ctx, a)
		note(a, err)
		waits = append(waits, wait)
	}
	for n, wait := range waits {
		if wait != nil {
			note(allocs[n], wait(ctx))
		}
	}
	return failed
}

// between waits before the next batch, as long as the user says. It reports whether
// there is to be one.
func (r *restart) between(ctx context.Context) (bool, error) {
	wait := r.flags.wait
	if r.flags.waitAsk && !r.flags.yes {
		switch answer := strings.ToLower(r.question("Proceed with next batch? [Y/n/<duration>]")); answer {
		case "", "y", "yes":
		case "n", "no":
			return false, failf(1, "Job restart canceled.")
		default:
			d, err := time.ParseDuration(answer)
			if err != nil || d < 0 {
				return false, failf(1, "%q is neither y, n nor a duration: the restart ends here", answer)
			}
			r.headline("Proceeding restarts with new wait time of %s", d)
			r.flags.wait, r.flags.waitAsk, wait = d, false, d
		}
	}
	if wait == 0 {
		return true, nil
	}
	r.headline("Waiting %s before restarting the next batch", wait)
	select {
	case <-ctx.Done():
		return false, ctx.Err()
	case <-time.After(wait):
		return true, nil
	}
}

func (r *restart) goesOnAfterError() bool {
	switch {
	case r.flags.onError == "fail":
		return false
	case r.flags.yes:
		return true
	}
	r.headline("A batch failed: %v", r.errs[len(r.errs)-1])
	answer := strings.ToLower(r.question("Proceed with the next batch? [y/N]"))
	return answer == "y" || answer == "yes"
}

// question asks the user, and returns what he answers; nothing at the end of input.
func (r *restart) question(text string) string {
	fmt.Fprintf(r.Out, "==> %s: %s ", time.Now().Format(timeFormat), text)
	if !r.answers.Scan() {
		fmt.Fprintln(r.Out)
		return "no"
	}
	return strings.TrimSpace(r.answers.Text())
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// ordinal writes 1st, 2nd, 3rd, 4th, 11th, 21st, ….
func ordinal(n int) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return strconv.Itoa(n) + suffix
}
