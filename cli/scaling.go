package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

func (c *cli) jobScale() *cobra.Command {
	var detach, verbose bool
	var index uint64
	cmd := c.verb("scale JOB [GROUP] COUNT", "Change how many instances of a group run",
		"GROUP may be left out if the job has only one. The change is a new version of the job;\nthe jobspec file should follow, or the next run of it sets the count back\n(job run -preserve-counts keeps it).", cobra.RangeArgs(2, 3),
		func(ctx context.Context, cl *client.Client, args []string) error {
			count, err := strconv.ParseInt(args[len(args)-1], 10, 64)
			if err != nil || count < 0 {
				return failf(1, "COUNT %q is not a number from 0 on", args[len(args)-1])
			}
			stub, err := c.findJob(ctx, cl, args[0])
			if err != nil {
				return err
			}
			group := ""
			if len(args) == 3 {
				group = args[1]
			} else if group, err = onlyGroup(ctx, cl, stub); err != nil {
				return err
			}
			r := api.ScalingRequest{
				Target: map[string]string{api.ScalingTargetGroup: group}, Count: &count,
				Message:        "submitted using the drover command line",
				EnforceIndex:   index > 0,
				JobModifyIndex: index,
			}
			resp, err := cl.Jobs.Scale(ctx, stub.ID, r, client.Query{Namespace: stub.Namespace})
			if err != nil {
				return fmt.Errorf("Error submitting scaling request: %w", err)
			}
			if detach || resp.EvalID == "" {
				fmt.Fprintf(c.Out, "Evaluation ID: %s\n", orNone(resp.EvalID))
				return nil
			}
			return c.monitor(cl, ids(verbose)).follow(ctx, resp.EvalID)
		})
	f := cmd.Flags()
	f.BoolVar(&detach, "detach", false, "print the evaluation's ID and don't wait")
	f.BoolVar(&verbose, "verbose", false, "show full IDs")
	f.Uint64Var(&index, "check-index", 0, "only if the job was last written at this `index`")
	return cmd
}

// onlyGroup returns the name of the one group of a job.
func onlyGroup(ctx context.Context, cl *client.Client, stub *api.JobListStub) (string, error) {
	job, _, err := cl.Jobs.Get(ctx, stub.ID, client.Query{Namespace: stub.Namespace})
	if err != nil {
		return "", fmt.Errorf("Error reading job: %w", err)
	}
	if len(job.TaskGroups) != 1 {
		var names []string
		for _, g := range job.TaskGroups {
			names = append(names, api.Deref(g.Name))
		}
		return "", failf(1, "Job %q has several groups, %q: say which", stub.ID, names)
	}
	return api.Deref(job.TaskGroups[0].Name), nil
}

func (c *cli) jobScalingEvents() *cobra.Command {
	var verbose bool
	form := new(form)
	cmd := c.verb("scaling-events JOB", "List what was done to the counts of a job", "", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			stub, err := c.findJob(ctx, cl, args[0])
			if err != nil {
				return err
			}
			status, _, err := cl.Jobs.ScaleStatus(ctx, stub.ID, client.Query{Namespace: stub.Namespace})
			if err != nil {
				return fmt.Errorf("Error listing scaling events: %w", err)
			}
			if form.asked() {
				return form.print(c.Out, status.TaskGroups)
			}
			fmt.Fprint(c.Out, scalingEventsText(status, verbose))
			return nil
		})
	cmd.Flags().BoolVar(&verbose, "verbose", false, "show evaluations and meta, too")
	form.register(cmd.Flags())
	return cmd
}

// scalingEventsText lists events, latest first.
func scalingEventsText(status *api.JobScaleStatus, verbose bool) string {
	type event struct {
		group string
		*api.ScalingEvent
	}
	var events []event
	for _, group := range slices.Sorted(maps.Keys(status.TaskGroups)) {
		for _, e := range status.TaskGroups[group].Events {
			events = append(events, event{group, e})
		}
	}
	if len(events) == 0 {
		return "No events found\n"
	}
	slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(b.Time, a.Time) })
	header := []string{"Task Group", "Count", "PrevCount", "Date"}
	if verbose {
		header = []string{"Task Group", "Count", "PrevCount", "Error", "Message", "Eval ID", "Date", "Meta"}
	}
	rows := [][]string{header}
	for _, e := range events {
		count, date := "", stamp(int64(e.Time))
		if e.Count != nil {
			count = strconv.FormatInt(*e.Count, 10)
		}
		row := []string{e.group, count, strconv.FormatInt(e.PreviousCount, 10)}
		if verbose {
			meta, _ := json.Marshal(e.Meta) // it came as JSON
			row = append(row, strconv.FormatBool(e.Error), e.Message, api.Deref(e.EvalID), date, string(meta))
		} else {
			row = append(row, date)
		}
		rows = append(rows, row)
	}
	return table(rows)
}

func (c *cli) scaling() *cobra.Command {
	return noun("scaling", "See what autoscalers steer by", noun("policy", "See scaling policies", c.scalingPolicyList(), c.scalingPolicyInfo()))
}

func (c *cli) scalingPolicyList() *cobra.Command {
	var job, kind string
	var verbose bool
	form := new(form)
	cmd := c.verb("list", "List the scaling policies", "They come from the scaling blocks of jobs that are not stopped.", cobra.NoArgs,
		func(ctx context.Context, cl *client.Client, _ []string) error {
			policies, _, err := cl.Scaling.Policies(ctx, client.Query{Params: map[string]string{"job": job, "type": kind}})
			if err != nil {
				return fmt.Errorf("Error listing scaling policies: %w", err)
			}
			if form.asked() {
				return form.print(c.Out, policies)
			}
			if len(policies) == 0 {
				fmt.Fprintln(c.Out, "No policies found")
				return nil
			}
			rows := [][]string{{"ID", "Enabled", "Type", "Target"}}
			for _, p := range policies {
				rows = append(rows, []string{ids(verbose).of(p.ID), strconv.FormatBool(p.Enabled), p.Type, targetText(p.Target)})
			}
			fmt.Fprint(c.Out, table(rows))
			return nil
		})
	cmd.Flags().StringVar(&job, "job", "", "only those of this `job`")
	cmd.Flags().StringVar(&kind, "type", "", "only those of this `type`, such as horizontal")
	cmd.Flags().BoolVar(&verbose, "verbose", false, "show full IDs")
	form.register(cmd.Flags())
	return cmd
}

// targetText shows what a policy is about: Group:web,Job:shop,Namespace:default.
func targetText(target map[string]string) string {
	text := ""
	for _, key := range slices.Sorted(maps.Keys(target)) {
		if text != "" {
			text += ","
		}
		text += key + ":" + target[key]
	}
	return text
}

func (c *cli) scalingPolicyInfo() *cobra.Command {
	form := new(form)
	cmd := c.verb("info POLICY", "Show a scaling policy", "POLICY may be the beginning of a policy's ID.", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			given := idArg(args[0])
			found, _, err := cl.Scaling.Policies(ctx, client.Query{Prefix: given, Namespace: c.anyNamespace()})
			if err != nil {
				return fmt.Errorf("Error listing scaling policies: %w", err)
			}
			stub, err := resolve("scaling policy", given, found, func(p *api.ScalingPolicyListStub) string { return p.ID },
				[]string{"ID", "Target"}, func(p *api.ScalingPolicyListStub) []string { return []string{p.ID, targetText(p.Target)} })
			if err != nil {
				return err
			}
			p, _, err := cl.Scaling.Policy(ctx, stub.ID, client.Query{})
			if err != nil {
				return fmt.Errorf("Error reading scaling policy: %w", err)
			}
			if form.asked() {
				return form.print(c.Out, p)
			}
			policy, err := json.MarshalIndent(p.Policy, "", "  ")
			if err != nil {
				return fmt.Errorf("Error formatting the policy: %w", err)
			}
			fmt.Fprint(c.Out, pairs("ID", p.ID, "Enabled", strconv.FormatBool(api.Deref(p.Enabled)), "Target", targetText(p.Target),
				"Type", p.Type, "Min", strconv.FormatInt(api.Deref(p.Min), 10), "Max", strconv.FormatInt(api.Deref(p.Max), 10)))
			fmt.Fprintf(c.Out, "\nPolicy:\n%s\n", policy)
			return nil
		})
	form.register(cmd.Flags())
	return cmd
}
