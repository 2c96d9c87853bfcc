package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

// followFlags say whether, and how, what a command set off is followed.
type followFlags struct{ detach, verbose bool }

func (f *followFlags) register(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.detach, "detach", false, "don't wait for what comes of it")
	cmd.Flags().BoolVar(&f.verbose, "verbose", false, "show full IDs")
}

// followOrder follows the evaluation and the rollout that a change set off.
func (c *cli) followOrder(ctx context.Context, cl *client.Client, evalID string, f followFlags) error {
	if evalID == "" {
		return nil
	}
	if f.detach {
		fmt.Fprintf(c.Out, "Evaluation ID: %s\n", evalID)
		return nil
	}
	return c.monitor(cl, ids(f.verbose)).follow(ctx, evalID)
}

func (c *cli) deploymentPromote() *cobra.Command {
	var f followFlags
	var groups []string
	cmd := c.verb("promote DEPLOYMENT", "Promote the canaries of a rollout",
		"They have to be healthy. Then the instances of the older version are replaced,\nmax_parallel at a time. Without -group all groups are promoted. DEPLOYMENT may be\nthe beginning of a deployment's ID.", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			d, err := c.findDeployment(ctx, cl, args[0])
			if err != nil {
				return err
			}
			return c.promote(ctx, cl, d, groups, f)
		})
	f.register(cmd)
	cmd.Flags().StringArrayVar(&groups, "group", nil, "a `group` to promote; may be repeated")
	return cmd
}

func (c *cli) promote(ctx context.Context, cl *client.Client, d *api.Deployment, groups []string, f followFlags) error {
	resp, err := cl.Deployments.Promote(ctx, d.ID, groups, client.Query{Namespace: d.Namespace})
	if err != nil {
		return fmt.Errorf("Error promoting deployment: %w", err)
	}
	return c.followOrder(ctx, cl, resp.EvalID, f)
}

func (c *cli) deploymentFail() *cobra.Command {
	var f followFlags
	cmd := c.verb("fail DEPLOYMENT", "Make a rollout fail",
		"Its canaries are stopped if they were not promoted, and the job goes back to its\nlast stable version if a group of it has auto_revert.", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			d, err := c.findDeployment(ctx, cl, args[0])
			if err != nil {
				return err
			}
			resp, err := cl.Deployments.Fail(ctx, d.ID, client.Query{Namespace: d.Namespace})
			if err != nil {
				return fmt.Errorf("Error failing deployment: %w", err)
			}
			reverted := ""
			if v := resp.RevertedJobVersion; v != nil {
				reverted = fmt.Sprintf(". Auto-reverted to job version %d.", *v)
			}
			fmt.Fprintf(c.Out, "Deployment %q failed%s\n", d.ID, reverted)
			if f.detach {
				return c.followOrder(ctx, cl, resp.EvalID, f)
			}
			_, err = c.monitor(cl, ids(f.verbose)).evaluation(ctx, resp.EvalID)
			return err
		})
	f.register(cmd)
	return cmd
}

func (c *cli) deploymentPause() *cobra.Command {
	var verbose bool
	cmd := c.verb("pause DEPLOYMENT", "Pause a rollout",
		"Nothing is placed or replaced by it until it is resumed, and no deadline passes.\nWhat is lost or drained meanwhile is followed by instances of its own version.", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			d, err := c.findDeployment(ctx, cl, args[0])
			if err != nil {
				return err
			}
			if _, err := cl.Deployments.Pause(ctx, d.ID, true, client.Query{Namespace: d.Namespace}); err != nil {
				return fmt.Errorf("Error pausing deployment: %w", err)
			}
			fmt.Fprintf(c.Out, "Deployment %q paused\n", d.ID)
			return nil
		})
	cmd.Flags().BoolVar(&verbose, "verbose", false, "show full IDs")
	return cmd
}

func (c *cli) deploymentResume() *cobra.Command {
	var f followFlags
	cmd := c.verb("resume DEPLOYMENT", "Let a paused rollout go on", "It has a whole progress deadline from then on.", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			d, err := c.findDeployment(ctx, cl, args[0])
			if err != nil {
				return err
			}
			resp, err := cl.Deployments.Pause(ctx, d.ID, false, client.Query{Namespace: d.Namespace})
			if err != nil {
				return fmt.Errorf("Error resuming deployment: %w", err)
			}
			fmt.Fprintf(c.Out, "Deployment %q resumed\n", d.ID)
			return c.followOrder(ctx, cl, resp.EvalID, f)
		})
	f.register(cmd)
	return cmd
}

func (c *cli) deploymentUnblock() *cobra.Command {
	var f followFlags
	cmd := c.verb("unblock DEPLOYMENT", "Let a rollout go on that waits for other regions",
		"Only rollouts of a job in several regions ever wait for others.", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			d, err := c.findDeployment(ctx, cl, args[0])
			if err != nil {
				return err
			}
			resp, err := cl.Deployments.Unblock(ctx, d.ID, client.Query{Namespace: d.Namespace})
			if err != nil {
				return fmt.Errorf("Error unblocking deployment: %w", err)
			}
			return c.followOrder(ctx, cl, resp.EvalID, f)
		})
	f.register(cmd)
	return cmd
}

func (c *cli) jobPromote() *cobra.Command {
	var f followFlags
	var groups []string
	cmd := c.verb("promote JOB", "Promote the canaries of a job's latest rollout",
		"As deployment promote, by the job's ID.", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			stub, err := c.findJob(ctx, cl, args[0])
			if err != nil {
				return err
			}
			d, _, err := cl.Jobs.LatestDeployment(ctx, stub.ID, client.Query{Namespace: stub.Namespace})
			if err != nil {
				return fmt.Errorf("Error retrieving deployment: %w", err)
			}
			if d == nil {
				return failf(1, "Job %q has no deployment to promote", stub.ID)
			}
			return c.promote(ctx, cl, d, groups, f)
		})
	f.register(cmd)
	cmd.Flags().StringArrayVar(&groups, "group", nil, "a `group` to promote; may be repeated")
	return cmd
}
