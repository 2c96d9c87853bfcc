package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/droverhq/drover/api/client"
)

func (c *cli) jobAllocs() *cobra.Command {
	var verbose, all bool
	form := new(form)
	cmd := c.verb("allocs JOB", "List the allocations of a job", "With -all also those of an earlier job of the same ID, which was purged.", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			stub, err := c.findJob(ctx, cl, args[0])
			if err != nil {
				return err
			}
			allocs, _, err := cl.Jobs.Allocations(ctx, stub.ID, all, client.Query{Namespace: stub.Namespace})
			if err != nil {
				return fmt.Errorf("Error retrieving allocations: %w", err)
			}
			if form.asked() {
				return form.print(c.Out, allocs)
			}
			if len(allocs) == 0 {
				fmt.Fprintln(c.Out, "No allocations placed")
				return nil
			}
			fmt.Fprint(c.Out, allocTable(allocs, ids(verbose), time.Now()))
			return nil
		})
	cmd.Flags().BoolVar(&verbose, "verbose", false, "show full IDs")
	cmd.Flags().BoolVar(&all, "all", false, "also those of an earlier job of the same ID")
	form.register(cmd.Flags())
	return cmd
}
