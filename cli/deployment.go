package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

func (c *cli) deployment() *cobra.Command {
	return noun("deployment", "See and steer rollouts", c.deploymentList(), c.deploymentStatus(),
		c.deploymentPromote(), c.deploymentFail(), c.deploymentPause(), c.deploymentResume(), c.deploymentUnblock())
}

var deploymentHeader = []string{"ID", "Job ID", "Job Version", "Status", "Description"}

func deploymentRow(d *api.Deployment, l ids) []string {
	return []string{l.of(d.ID), d.JobID, strconv.FormatUint(d.JobVersion, 10), d.Status, d.StatusDescription}
}

func (c *cli) deploymentList() *cobra.Command {
	var verbose bool
	var filter string
	form := new(form)
	cmd := c.verb("list", "List the rollouts", "", cobra.NoArgs,
		func(ctx context.Context, cl *client.Client, _ []string) error {
			all, _, err := cl.Deployments.List(ctx, client.Query{Filter: filter})
			if err != nil {
				return fmt.Errorf("Error retrieving deployments: %w", err)
			}
			return c.showDeployments(all, form, ids(verbose))
		})
	cmd.Flags().BoolVar(&verbose, "verbose", false, "show full IDs")
	filterFlag(cmd.Flags(), &filter, `Status == "failed"`)
	form.register(cmd.Flags())
	return cmd
}

func (c *cli) deploymentStatus() *cobra.Command {
	var verbose, monitor bool
	form := new(form)
	cmd := c.verb("status DEPLOYMENT", "Show a rollout",
		"DEPLOYMENT may be the beginning of a deployment's ID.", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			d, err := c.findDeployment(ctx, cl, args[0])
			if err != nil {
				return err
			}
			if monitor && !form.asked() {
				return c.monitor(cl, ids(verbose)).deployment(ctx, d.ID)
			}
			return c.showDeployment(d, form, ids(verbose))
		})
	cmd.Flags().BoolVar(&verbose, "verbose", false, "show full IDs")
	cmd.Flags().BoolVar(&monitor, "monitor", false, "follow it to its end")
	form.register(cmd.Flags())
	return cmd
}

// showDeployments lists deployments, newest first.
func (c *cli) showDeployments(all []*api.Deployment, form *form, l ids) error {
	slices.SortStableFunc(all, func(a, b *api.Deployment) int { return cmp.Compare(b.CreateIndex, a.CreateIndex) })
	if form.asked() {
		return form.print(c.Out, all)
	}
	if len(all) == 0 {
		fmt.Fprintln(c.Out, "No deployments found")
		return nil
	}
	rows := [][]string{deploymentHeader}
	for _, d := range all {
		rows = append(rows, deploymentRow(d, l))
	}
	fmt.Fprint(c.Out, table(rows))
	return nil
}

// showDeployment shows a deployment; nil is none.
func (c *cli) showDeployment(d *api.Deployment, form *form, l ids) error {
	switch {
	case form.asked():
		return form.print(c.Out, d)
	case d == nil:
		fmt.Fprintln(c.Out, "No deployment found")
	default:
		fmt.Fprint(c.Out, deploymentText(d, l, true))
	}
	return nil
}

// deploymentText shows a deployment; withJob adds which job it is of.
func deploymentText(d *api.Deployment, l ids, withJob bool) string {
	facts := []string{"ID", l.of(d.ID)}
	if withJob {
		facts = append(facts, "Job ID", d.JobID, "Job Version", strconv.FormatUint(d.JobVersion, 10))
	}
	facts = append(facts, "Status", d.Status, "Description", d.StatusDescription)
	return pairs(facts...) + "\nDeployed\n" + deployedTable(d)
}

func deployedTable(d *api.Deployment) string {
	var autoRevert, canaries bool
	for _, g := range d.TaskGroups {
		autoRevert = autoRevert || g.AutoRevert
		canaries = canaries || g.DesiredCanaries > 0
	}
	header := []string{"Task Group"}
	if autoRevert {
		header = append(header, "Auto Revert")
	}
	if canaries {
		header = append(header, "Promoted")
	}
	header = append(header, "Desired")
	if canaries {
		header = append(header, "Canaries")
	}
	rows := [][]string{append(header, "Placed", "Healthy", "Unhealthy", "Progress Deadline")}
	for _, name := range slices.Sorted(maps.Keys(d.TaskGroups)) {
		g := d.TaskGroups[name]
		row := []string{name}
		if autoRevert {
			row = append(row, strconv.FormatBool(g.AutoRevert))
		}
		if canaries {
			row = append(row, promoted(g))
		}
		row = append(row, strconv.Itoa(g.DesiredTotal))
		if canaries {
			row = append(row, strconv.Itoa(g.DesiredCanaries))
		}
		rows = append(rows, append(row, strconv.Itoa(g.PlacedAllocs), strconv.Itoa(g.HealthyAllocs),
			strconv.Itoa(g.UnhealthyAllocs), stampOf(g.RequireProgressBy)))
	}
	return table(rows)
}

func promoted(g *api.DeploymentState) string {
	if g.DesiredCanaries == 0 {
		return "N/A"
	}
	return strconv.FormatBool(g.Promoted)
}
