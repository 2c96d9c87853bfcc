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
	return noun("deployment", "See rollouts", c.deploymentList(), c.deploymentStatus())
}

var deploymentHeader = []string{"ID", "Job ID", "Job Version", "Status", "Description"}

func deploymentRow(d *api.Deployment, l ids) []string {
	return []string{l.of(d.ID), d.JobID, strconv.FormatUint(d.JobVersion, 10), d.Status, d.StatusDescription}
}

func (c *cli) deploymentList() *cobra.Command {
	var verbose bool
	form := new(form)
	cmd := c.verb("list", "List the rollouts", "", cobra.NoArgs,
		func(ctx context.Context, cl *client.Client, _ []string) error {
			all, _, err := cl.Deployments.List(ctx, client.Query{})
			if err != nil {
				return fmt.Errorf("Error retrieving deployments: %w", err)
			}
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
				rows = append(rows, deploymentRow(d, ids(verbose)))
			}
			fmt.Fprint(c.Out, table(rows))
			return nil
		})
	cmd.Flags().BoolVar(&verbose, "verbose", false, "show full IDs")
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
			if form.asked() {
				return form.print(c.Out, d)
			}
			if monitor {
				return c.monitor(cl, ids(verbose)).deployment(ctx, d.ID)
			}
			fmt.Fprint(c.Out, deploymentText(d, ids(verbose), true))
			return nil
		})
	cmd.Flags().BoolVar(&verbose, "verbose", false, "show full IDs")
	cmd.Flags().BoolVar(&monitor, "monitor", false, "follow it to its end")
	form.register(cmd.Flags())
	return cmd
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
