package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/droverhq/drover/api/client"
)

func (c *cli) jobEval() *cobra.Command {
	var force, detach, verbose bool
	cmd := c.verb("eval JOB", "Look at a job again",
		"Nothing changes if the job is as it should be. With -force-reschedule, instances\nthat failed are replaced now, whatever their reschedule block says.", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			stub, err := c.findJob(ctx, cl, args[0])
			if err != nil {
				return err
			}
			resp, err := cl.Jobs.Evaluate(ctx, stub.ID, force, client.Query{Namespace: stub.Namespace})
			if err != nil {
				return fmt.Errorf("Error evaluating job: %w", err)
			}
			if detach {
				fmt.Fprintf(c.Out, "Created eval ID: %q \n", ids(verbose).of(resp.EvalID))
				return nil
			}
			_, err = c.monitor(cl, ids(verbose)).evaluation(ctx, resp.EvalID)
			return err
		})
	f := cmd.Flags()
	f.BoolVar(&force, "force-reschedule", false, "replace failed instances now")
	f.BoolVar(&detach, "detach", false, "print the evaluation's ID and don't wait")
	f.BoolVar(&verbose, "verbose", false, "show full IDs")
	return cmd
}
