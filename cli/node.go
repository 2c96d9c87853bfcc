package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

func (c *cli) node() *cobra.Command {
	return noun("node", "See the machines of the fleet, and look after them", c.nodeStatus(), c.nodeDrain(), c.nodeEligibility(), c.nodeMeta(), c.nodePurge(), c.nodePool())
}

func nodeHeader(ids) []string {
	return []string{"ID", "Node Pool", "DC", "Name", "Class", "Drain", "Eligibility", "Status"}
}

func nodeRow(n *api.NodeListStub, l ids) []string {
	return []string{
		l.of(n.ID), n.NodePool, n.Datacenter, n.Name, orNone(n.NodeClass),
		fmt.Sprint(n.Drain), n.SchedulingEligibility, n.Status,
	}
}

// nodeView is what node status shows.
type nodeView struct {
	verbose, short, stats, self bool
	filter                      string // of the list
	form                        form
}

func (c *cli) nodeStatus() *cobra.Command {
	v := new(nodeView)
	cmd := c.verb("status [NODE]", "List the nodes, or show one with what runs on it",
		"NODE may be the beginning of a node's ID.", cobra.MaximumNArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			if v.self {
				id, err := ownNode(ctx, cl)
				if err != nil {
					return err
				}
				args = []string{id}
			}
			if len(args) == 0 {
				return c.listNodes(ctx, cl, v)
			}
			stub, err := c.findNode(ctx, cl, args[0])
			if err != nil {
				return err
			}
			node, _, err := cl.Nodes.Get(ctx, stub.ID, client.Query{})
			if err != nil {
				return fmt.Errorf("Error querying node info: %w", err)
			}
			if v.form.asked() {
				return v.form.print(c.Out, node)
			}
			return c.showNode(ctx, cl, node, v)
		})
	f := cmd.Flags()
	f.BoolVar(&v.verbose, "verbose", false, "with full IDs, drivers, attributes and meta")
	f.BoolVar(&v.short, "short", false, "without resources and allocations")
	f.BoolVar(&v.stats, "stats", false, "with figures of processors, memory and disks")
	f.BoolVar(&v.self, "self", false, "the node of the agent that is asked")
	filterFlag(f, &v.filter, `Status == "down"`)
	v.form.register(f)
	return cmd
}

// ownNode is the ID of the node that the agent at hand is.
func ownNode(ctx context.Context, cl *client.Client) (string, error) {
	self, err := cl.Agent.Self(ctx)
	if err != nil {
		return "", fmt.Errorf("Error querying agent: %w", err)
	}
	id := self.Stats["client"]["node_id"]
	if id == "" {
		return "", failf(1, "The agent at %s is no node.\nList the nodes: drover node status", cl.Address())
	}
	return id, nil
}

// whichNode errs unless a node is named, or -self is given.
func whichNode(self bool, args []string) error {
	switch {
	case self && len(args) > 0:
		return failf(1, "with -self no node is named")
	case !self && len(args) == 0:
		return failf(1, "Which node? Name it, or use -self for that of the agent that is asked")
	}
	return nil
}

// findNodeOrOwn finds the node that is named or, with -self, that of the agent at hand.
func (c *cli) findNodeOrOwn(ctx context.Context, cl *client.Client, self bool, args []string) (*api.NodeListStub, error) {
	if !self {
		return c.findNode(ctx, cl, args[0])
	}
	id, err := ownNode(ctx, cl)
	if err != nil {
		return nil, err
	}
	return c.findNode(ctx, cl, id)
}

func (c *cli) listNodes(ctx context.Context, cl *client.Client, v *nodeView) error {
	nodes, _, err := cl.Nodes.List(ctx, false, client.Query{Filter: v.filter})
	if err != nil {
		return fmt.Errorf("Error querying node status: %w", err)
	}
	if v.form.asked() {
		return v.form.print(c.Out, nodes)
	}
	switch {
	case len(nodes) == 0 && v.filter != "":
		fmt.Fprintln(c.Out, "No nodes found")
		return nil
	case len(nodes) == 0:
		fmt.Fprintln(c.Out, "No nodes registered")
		return nil
	}
	fmt.Fprint(c.Out, nodeTable(nodes, ids(v.verbose)))
	return nil
}

func nodeTable(nodes []*api.NodeListStub, l ids) string {
	rows := [][]string{nodeHeader(l)}
	for _, n := range nodes {
		rows = append(rows, nodeRow(n, l))
	}
	return table(rows)
}

func (c *cli) showNode(ctx context.Context, cl *client.Client, n *api.Node, v *nodeView) error {
	stats, statsErr := cl.Nodes.Stats(ctx, n.ID, client.Query{})
	fmt.Fprint(c.Out, nodeFacts(n, stats, ids(v.verbose)))
	if v.short {
		return nil
	}
	fmt.Fprint(c.Out, "\n", nodeEvents(n, v.verbose))
	allocs, _, err := cl.Nodes.Allocations(ctx, n.ID, client.Query{Namespace: "*"})
	if err != nil {
		return fmt.Errorf("Error querying node allocations: %w", err)
	}
	fmt.Fprint(c.Out, "\n", allocatedText(n, allocs))
	if stats != nil {
		fmt.Fprint(c.Out, "\n", allocUseText(n, allocUse(ctx, cl, allocs)), "\n", hostUseText(n, stats))
		if v.stats {
			fmt.Fprint(c.Out, "\n", hostStatsText(stats))
		}
	} else {
		fmt.Fprintf(c.Out, "\nError fetching node stats: %v\n", statsErr)
	}
	fmt.Fprint(c.Out, "\nAllocations\n", nodeAllocTable(allocs, ids(v.verbose), time.Now()))
	if v.verbose {
		fmt.Fprint(c.Out, "\nAttributes\n", mapText(n.Attributes), "\nMeta\n", mapText(n.Meta))
	}
	return nil
}

func nodeFacts(n *api.Node, stats *api.HostStats, l ids) string {
	uptime := "<unknown>"
	if stats != nil {
		uptime = (time.Duration(stats.Uptime) * time.Second).String()
	}
	var drivers []string
	for _, name := range slices.Sorted(maps.Keys(n.Drivers)) {
		if n.Drivers[name].Detected && n.Drivers[name].Healthy {
			drivers = append(drivers, name)
		}
	}
	facts := []string{
		"ID", n.ID, "Name", n.Name, "Node Pool", n.NodePool, "Class", orNone(n.NodeClass), "DC", n.Datacenter,
		"Drain", drainText(n), "Eligibility", n.SchedulingEligibility, "Status", n.Status,
		"CSI Controllers", "<none>", "CSI Drivers", "<none>", "Uptime", uptime,
	}
	if l == longIDs {
		return pairs(facts...) + "\nDrivers\n" + driverTable(n)
	}
	facts = append(facts,
		"Host Volumes", orNone(strings.Join(slices.Sorted(maps.Keys(n.HostVolumes)), ",")),
		"Host Networks", orNone(strings.Join(slices.Sorted(maps.Keys(n.HostNetworks)), ",")),
		"CSI Volumes", "<none>",
		"Driver Status", orNone(strings.Join(drivers, ",")),
	)
	return pairs(facts...)
}

func driverTable(n *api.Node) string {
	rows := [][]string{{"Driver", "Detected", "Healthy", "Message", "Time"}}
	for _, name := range slices.Sorted(maps.Keys(n.Drivers)) {
		d := n.Drivers[name]
		rows = append(rows, []string{name, fmt.Sprint(d.Detected), fmt.Sprint(d.Healthy), orNone(d.HealthDescription), stampOf(&d.UpdateTime)})
	}
	return table(rows)
}

func nodeEvents(n *api.Node, verbose bool) string {
	rows := [][]string{{"Time", "Subsystem", "Message"}}
	if verbose {
		rows[0] = append(rows[0], "Details")
	}
	for _, e := range slices.Backward(n.Events) {
		row := []string{stampOf(&e.Timestamp), e.Subsystem, e.Message}
		if verbose {
			row = append(row, orNone(strings.Join(keyValues(e.Details), ", ")))
		}
		rows = append(rows, row)
	}
	return "Node Events\n" + table(rows)
}

func keyValues(m map[string]string) []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, k+" = "+m[k])
	}
	return out
}

func mapText(m map[string]string) string {
	var flat []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		flat = append(flat, k, m[k])
	}
	return pairs(flat...)
}

func (c *cli) nodeEligibility() *cobra.Command {
	var enable, disable, self bool
	cmd := c.verb("eligibility [NODE]", "Say whether a node may get further allocations",
		"One of -enable and -disable is required. What runs on the node is left alone.", cobra.MaximumNArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			if enable == disable {
				return failf(1, "Either the '-enable' or '-disable' flag must be set")
			}
			if err := whichNode(self, args); err != nil {
				return err
			}
			stub, err := c.findNodeOrOwn(ctx, cl, self, args)
			if err != nil {
				return err
			}
			if _, err := cl.Nodes.SetEligibility(ctx, stub.ID, enable, client.Query{}); err != nil {
				return fmt.Errorf("Error updating scheduling eligibility: %w", err)
			}
			state := "ineligible"
			if enable {
				state = "eligible"
			}
			fmt.Fprintf(c.Out, "Node %q scheduling eligibility set: %s for scheduling\n", stub.ID, state)
			return nil
		})
	cmd.Flags().BoolVar(&enable, "enable", false, "the node may get allocations")
	cmd.Flags().BoolVar(&disable, "disable", false, "the node gets no further allocations")
	cmd.Flags().BoolVar(&self, "self", false, "the node of the agent that is asked")
	return cmd
}
