package cli

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/droverhq/drover/api/client"
)

func (c *cli) server() *cobra.Command {
	return noun("server", "See the servers", c.serverMembers())
}

func (c *cli) serverMembers() *cobra.Command {
	form := new(form)
	var verbose bool
	cmd := c.verb("members", "List the servers and who leads", "", cobra.NoArgs,
		func(ctx context.Context, cl *client.Client, _ []string) error {
			members, err := cl.Agent.Members(ctx)
			if err != nil {
				return fmt.Errorf("Error querying servers: %w", err)
			}
			if form.asked() {
				return form.print(c.Out, members.Members)
			}
			leader, err := cl.Agent.Leader(ctx)
			if err != nil {
				return fmt.Errorf("Error querying the leader: %w", err)
			}
			rows := [][]string{{"Name", "Address", "Port", "Status", "Leader", "Raft Version", "Build", "Datacenter", "Region"}}
			for _, m := range members.Members {
				leads := net.JoinHostPort(m.Tags["rpc_addr"], m.Tags["port"]) == leader
				rows = append(rows, []string{
					m.Name, m.Addr, strconv.Itoa(int(m.Port)), m.Status, strconv.FormatBool(leads),
					m.Tags["raft_vsn"], m.Tags["build"], m.Tags["dc"], m.Tags["region"],
				})
			}
			fmt.Fprint(c.Out, table(rows))
			if verbose {
				for _, m := range members.Members {
					fmt.Fprintf(c.Out, "\nTags of %s\n%s", m.Name, mapText(m.Tags))
				}
			}
			if leader == "" {
				return failf(1, "There is no leader: writes wait until one is elected.")
			}
			return nil
		})
	form.register(cmd.Flags())
	cmd.Flags().BoolVar(&verbose, "verbose", false, "with all that a server says of itself")
	return cmd
}

func (c *cli) system() *cobra.Command {
	return noun("system", "Look after the cluster",
		c.verb("gc", "Collect everything that has ended, at once",
			"Without it, what has ended is collected when it is older than the thresholds\nof the servers' configuration.", cobra.NoArgs,
			func(ctx context.Context, cl *client.Client, _ []string) error {
				if err := cl.Operator.GC(ctx); err != nil {
					return fmt.Errorf("Error running system garbage-collection: %w", err)
				}
				return nil
			}))
}

// idArg trims what copy and paste leaves around an ID.
func idArg(s string) string { return strings.TrimSpace(s) }
