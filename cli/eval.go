package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

func (c *cli) eval() *cobra.Command {
	return noun("eval", "See what was decided about jobs, and why", c.evalList(), c.evalStatus())
}

var evalHeader = []string{"ID", "Priority", "Triggered By", "Job ID", "Namespace", "Node ID", "Status", "Placement Failures"}

func evalRow(e *api.Evaluation, l ids) []string {
	return []string{
		l.of(e.ID), strconv.Itoa(e.Priority), e.TriggeredBy, e.JobID, e.Namespace,
		orNone(l.of(e.NodeID)), e.Status, placementFailures(e),
	}
}

func (c *cli) evalList() *cobra.Command {
	var verbose bool
	var job, status, filter string
	form := new(form)
	cmd := c.verb("list", "List evaluations", "", cobra.NoArgs,
		func(ctx context.Context, cl *client.Client, _ []string) error {
			evals, _, err := cl.Evaluations.List(ctx, client.Query{Filter: filter, Params: map[string]string{"job": job, "status": status}})
			if err != nil {
				return fmt.Errorf("Error querying evaluations: %w", err)
			}
			newestFirst(evals)
			if form.asked() {
				return form.print(c.Out, evals)
			}
			if len(evals) == 0 {
				fmt.Fprintln(c.Out, "No evals found")
				return nil
			}
			rows := [][]string{evalHeader}
			for _, e := range evals {
				rows = append(rows, evalRow(e, ids(verbose)))
			}
			fmt.Fprint(c.Out, table(rows))
			return nil
		})
	f := cmd.Flags()
	f.BoolVar(&verbose, "verbose", false, "show full IDs")
	form.register(f)
	f.StringVar(&job, "job", "", "only those of a `job`")
	f.StringVar(&status, "status", "", "only those with a `status`")
	filterFlag(f, &filter, `TriggeredBy == "node-drain"`)
	return cmd
}

func (c *cli) evalStatus() *cobra.Command {
	var verbose, monitor bool
	form := new(form)
	cmd := c.verb("status EVAL", "Show what a pass over a job decided, and why",
		"EVAL may be the beginning of an evaluation's ID.", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			e, err := c.findEval(ctx, cl, args[0])
			if err != nil {
				return err
			}
			if monitor {
				_, err := c.monitor(cl, ids(verbose)).evaluation(ctx, e.ID)
				return err
			}
			if form.asked() {
				return form.print(c.Out, e)
			}
			allocs, _, err := cl.Evaluations.Allocations(ctx, e.ID, client.Query{Namespace: e.Namespace})
			if err != nil {
				return fmt.Errorf("Error querying the evaluation's allocations: %w", err)
			}
			fmt.Fprint(c.Out, evalText(e, allocs, ids(verbose), time.Now()))
			return nil
		})
	cmd.Flags().BoolVar(&verbose, "verbose", false, "show full IDs and times")
	cmd.Flags().BoolVar(&monitor, "monitor", false, "follow it to its end")
	form.register(cmd.Flags())
	return cmd
}

func evalText(e *api.Evaluation, allocs []*api.AllocationListStub, l ids, now time.Time) string {
	when := func(ns int64) string {
		if l == longIDs {
			return stamp(ns)
		}
		return ago(ns, now)
	}
	text := pairs(
		"ID", l.of(e.ID),
		"Create Time", when(e.CreateTime),
		"Modify Time", when(e.ModifyTime),
		"Status", e.Status,
		"Status Description", firstText(e.StatusDescription, e.Status),
		"Type", e.Type,
		"TriggeredBy", e.TriggeredBy,
		"Job ID", e.JobID,
		"Namespace", e.Namespace,
		"Priority", strconv.Itoa(e.Priority),
		"Placement Failures", placementFailures(e),
		"Previous Eval", orNone(l.of(e.PreviousEval)),
		"Next Eval", orNone(l.of(e.NextEval)),
		"Blocked Eval", orNone(l.of(e.BlockedEval)),
	)
	if e.PlanAnnotations != nil {
		rows := [][]string{{"Task Group", "Ignore", "Place", "Stop", "InPlace", "Destructive"}}
		for _, g := range slices.Sorted(maps.Keys(e.PlanAnnotations.DesiredTGUpdates)) {
			u := e.PlanAnnotations.DesiredTGUpdates[g]
			rows = append(rows, []string{g, fmt.Sprint(u.Ignore), fmt.Sprint(u.Place), fmt.Sprint(u.Stop), fmt.Sprint(u.InPlaceUpdate), fmt.Sprint(u.DestructiveUpdate)})
		}
		text += "\nPlan Annotations\n" + table(rows)
	}
	if len(allocs) > 0 {
		text += "\nPlaced Allocations\n" + allocTable(allocs, l, now)
	}
	if len(e.FailedTGAllocs) > 0 {
		text += "\nFailed Placements\n" + failureText(e.FailedTGAllocs, "", true)
		if e.BlockedEval != "" {
			text += fmt.Sprintf("\nEvaluation %q waiting for additional capacity to place remainder\n", l.of(e.BlockedEval))
		}
	}
	return text
}
