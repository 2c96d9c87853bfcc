package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

func (c *cli) nodePurge() *cobra.Command {
	var yes bool
	cmd := c.verb("purge NODE", "Remove a node that does not come back",
		`What the cluster knows of the node is removed, and what was to run on it counts as lost and
is replaced. Nodes that are down go by themselves after a day. A node whose agent is
connected registers anew at once: drain it and stop its agent first.`, cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			node, err := c.findNode(ctx, cl, args[0])
			if err != nil {
				return err
			}
			if !yes {
				ok, err := c.confirm("Are you sure you want to remove node %q (%s)?", node.ID, node.Status)
				if !ok {
					return err
				}
			}
			if _, err := cl.Nodes.Purge(ctx, node.ID, client.Query{}); err != nil {
				return fmt.Errorf("Error purging node: %w", err)
			}
			fmt.Fprintf(c.Out, "Node %q purged\n", node.ID)
			if node.Status == api.NodeReady {
				fmt.Fprintln(c.Out, "Its agent is connected: unless that is stopped, the node registers anew.")
			}
			return nil
		})
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask whether you are sure")
	return cmd
}
