package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

func (c *cli) nodePool() *cobra.Command {
	return noun("pool", "Divide the fleet into pools",
		c.nodePoolList(), c.nodePoolInfo(), c.nodePoolInit(), c.nodePoolApply(), c.nodePoolDelete(), c.nodePoolNodes(), c.nodePoolJobs())
}

func (c *cli) nodePoolList() *cobra.Command {
	form := new(form)
	var filter string
	cmd := c.verb("list", "List the node pools", "", cobra.NoArgs,
		func(ctx context.Context, cl *client.Client, _ []string) error {
			pools, _, err := cl.NodePools.List(ctx, client.Query{Filter: filter})
			if err != nil {
				return fmt.Errorf("Error querying node pools: %w", err)
			}
			if form.asked() {
				return form.print(c.Out, pools)
			}
			if len(pools) == 0 {
				fmt.Fprintln(c.Out, "No node pools")
				return nil
			}
			rows := [][]string{{"Name", "Description"}}
			for _, p := range pools {
				rows = append(rows, []string{p.Name, orNone(p.Description)})
			}
			fmt.Fprint(c.Out, table(rows))
			return nil
		})
	filterFlag(cmd.Flags(), &filter, `Name != "default"`)
	form.register(cmd.Flags())
	return cmd
}

func findPool(ctx context.Context, cl *client.Client, given string) (*api.NodePool, error) {
	found, _, err := cl.NodePools.List(ctx, client.Query{Prefix: given})
	if err != nil {
		return nil, fmt.Errorf("Error querying node pool: %w", err)
	}
	return resolve("node pool", given, found, func(p *api.NodePool) string { return p.Name },
		[]string{"Name", "Description"}, func(p *api.NodePool) []string { return []string{p.Name, p.Description} })
}

func (c *cli) nodePoolInfo() *cobra.Command {
	form := new(form)
	cmd := c.verb("info POOL", "Show a node pool", "POOL may be the beginning of its name.", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			p, err := findPool(ctx, cl, args[0])
			if err != nil {
				return err
			}
			if form.asked() {
				return form.print(c.Out, p)
			}
			fmt.Fprint(c.Out, pairs("Name", p.Name, "Description", orNone(p.Description)))
			if len(p.Meta) > 0 {
				fmt.Fprint(c.Out, "\nMetadata\n", metaPairs(p.Meta))
			} else {
				fmt.Fprint(c.Out, "\nNo metadata\n")
			}
			fmt.Fprint(c.Out, poolSchedulerText(p.SchedulerConfiguration))
			return nil
		})
	form.register(cmd.Flags())
	return cmd
}

// poolSchedulerText says what holds for the jobs of a pool instead of what the cluster has.
func poolSchedulerText(s *api.NodePoolSchedulerConfiguration) string {
	if s == nil {
		return "\nNo scheduler configuration\n"
	}
	var facts []string
	if s.SchedulerAlgorithm != "" {
		facts = append(facts, "Scheduler Algorithm", s.SchedulerAlgorithm)
	}
	if enabled := s.MemoryOversubscriptionEnabled; enabled != nil {
		facts = append(facts, "Memory Oversubscription Enabled", strconv.FormatBool(*enabled))
	}
	return "\nScheduler Configuration\n" + pairs(facts...)
}

// poolSample is what node pool init writes.
const poolSample = `# drover node pool apply FILE makes the pool, or changes it.
# Nodes are in a pool by their agent's configuration: client { node_pool = "gpu" }.
# Jobs ask for it with node_pool = "gpu".
node_pool "gpu" {
  description = "Machines with graphics processors."

  meta = {
    owner = "research"
  }
}
`

func (c *cli) nodePoolInit() *cobra.Command {
	return c.sample("init [FILE]", "Write a sample of a node pool to start from", "pool.nomad.hcl", poolSample, "Example node pool specification written to %s\n")
}

func (c *cli) nodePoolApply() *cobra.Command {
	var asJSON bool
	cmd := c.verb("apply FILE", "Make a node pool, or change it", "FILE is HCL or JSON; - is standard input. Start from: drover node pool init.", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			p, err := c.readPool(args[0], asJSON)
			if err != nil {
				return err
			}
			if err := cl.NodePools.Put(ctx, p); err != nil {
				return fmt.Errorf("Error applying node pool: %w", err)
			}
			fmt.Fprintf(c.Out, "Successfully applied node pool %q!\n", p.Name)
			return nil
		})
	cmd.Flags().BoolVar(&asJSON, "json", false, "the file is JSON (files that end in .json are anyway)")
	return cmd
}

func (c *cli) nodePoolDelete() *cobra.Command {
	return c.verb("delete POOL", "Delete a node pool", "It must have neither nodes nor jobs that are not dead. The name must be given in full.", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			if err := cl.NodePools.Delete(ctx, args[0]); err != nil {
				return fmt.Errorf("Error deleting node pool: %w", err)
			}
			fmt.Fprintf(c.Out, "Successfully deleted node pool %q!\n", args[0])
			return nil
		})
}

func (c *cli) nodePoolNodes() *cobra.Command {
	var verbose bool
	form := new(form)
	cmd := c.verb("nodes POOL", "List the nodes of a pool", "POOL may be the beginning of its name.", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			p, err := findPool(ctx, cl, args[0])
			if err != nil {
				return err
			}
			nodes, _, err := cl.NodePools.Nodes(ctx, p.Name, client.Query{})
			if err != nil {
				return fmt.Errorf("Error querying nodes: %w", err)
			}
			if form.asked() {
				return form.print(c.Out, nodes)
			}
			if len(nodes) == 0 {
				fmt.Fprintln(c.Out, "No nodes")
				return nil
			}
			fmt.Fprint(c.Out, nodeTable(nodes, ids(verbose)))
			return nil
		})
	cmd.Flags().BoolVar(&verbose, "verbose", false, "show full IDs")
	form.register(cmd.Flags())
	return cmd
}

func (c *cli) nodePoolJobs() *cobra.Command {
	form := new(form)
	cmd := c.verb("jobs POOL", "List the jobs of a pool", "POOL may be the beginning of its name.", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			p, err := findPool(ctx, cl, args[0])
			if err != nil {
				return err
			}
			jobs, _, err := cl.NodePools.Jobs(ctx, p.Name, client.Query{})
			if err != nil {
				return fmt.Errorf("Error querying jobs: %w", err)
			}
			if form.asked() {
				return form.print(c.Out, jobs)
			}
			if len(jobs) == 0 {
				fmt.Fprintln(c.Out, "No jobs")
				return nil
			}
			fmt.Fprint(c.Out, jobTable(jobs, c.conn.namespace == "*"))
			return nil
		})
	form.register(cmd.Flags())
	return cmd
}
