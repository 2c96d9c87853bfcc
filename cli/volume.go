package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

func (c *cli) volume() *cobra.Command {
	return noun("volume", "Register storage outside of the fleet, and see who uses it",
		c.volumeStatus(), c.volumeRegister(), c.volumeDeregister(), c.volumeDetach(), c.volumeInit(), c.volumeClaim())
}

func (c *cli) findVolume(ctx context.Context, cl *client.Client, given string) (*api.CSIVolumeListStub, error) {
	found, _, err := cl.Volumes.List(ctx, "", client.Query{Prefix: given})
	if err != nil {
		return nil, fmt.Errorf("Error querying volumes: %w", err)
	}
	return resolve("volume", given, found, func(v *api.CSIVolumeListStub) string { return v.ID }, volumeHeader, volumeRow)
}

var volumeHeader = []string{"ID", "Name", "Namespace", "Plugin ID", "Schedulable", "Access Mode"}

func volumeRow(v *api.CSIVolumeListStub) []string {
	return []string{v.ID, v.Name, v.Namespace, v.PluginID, strconv.FormatBool(v.Schedulable), orNone(v.AccessMode)}
}

func (c *cli) volumeStatus() *cobra.Command {
	var kind, plugin string
	var short, verbose bool
	form := new(form)
	cmd := c.verb("status [VOLUME]", "List CSI volumes, or show one with who uses it",
		"VOLUME may be the beginning of its ID. The access mode is that of those who use it.", cobra.MaximumNArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			if kind != "" && kind != api.VolumeCSI {
				return failf(1, "There are no volumes of type %q here; what nodes offer is in: drover node status -verbose NODE", kind)
			}
			if len(args) == 0 {
				return c.listVolumes(ctx, cl, plugin, form)
			}
			stub, err := c.findVolume(ctx, cl, args[0])
			if err != nil {
				return err
			}
			v, _, err := cl.Volumes.Get(ctx, stub.ID, client.Query{Namespace: stub.Namespace})
			if err != nil {
				return fmt.Errorf("Error querying volume: %w", err)
			}
			if form.asked() {
				return form.print(c.Out, v)
			}
			fmt.Fprint(c.Out, volumeText(v, short, ids(verbose)))
			return nil
		})
	f := cmd.Flags()
	f.StringVar(&kind, "type", "", "only volumes of this `type`; there is csi")
	f.StringVar(&plugin, "plugin_id", "", "only volumes of the `plugin`, in the list")
	f.BoolVar(&short, "short", false, "without the allocations")
	f.BoolVar(&verbose, "verbose", false, "show full IDs")
	form.register(f)
	return cmd
}

func (c *cli) listVolumes(ctx context.Context, cl *client.Client, plugin string, form *form) error {
	volumes, _, err := cl.Volumes.List(ctx, plugin, client.Query{})
	if err != nil {
		return fmt.Errorf("Error querying volumes: %w", err)
	}
	if form.asked() {
		return form.print(c.Out, volumes)
	}
	if len(volumes) == 0 {
		fmt.Fprintln(c.Out, "No volumes")
		return nil
	}
	rows := [][]string{volumeHeader}
	for _, v := range volumes {
		rows = append(rows, volumeRow(v))
	}
	fmt.Fprint(c.Out, table(rows))
	return nil
}

func volumeText(v *api.CSIVolume, short bool, l ids) string {
	text := pairs(
		"ID", v.ID, "Name", v.Name, "Namespace", v.Namespace, "External ID", v.ExternalID,
		"Plugin ID", v.PluginID, "Provider", orNone(v.Provider), "Version", orNone(v.ProviderVersion),
		"Schedulable", strconv.FormatBool(v.Schedulable),
		"Controllers Healthy", strconv.Itoa(v.ControllersHealthy), "Controllers Expected", strconv.Itoa(v.ControllersExpected),
		"Nodes Healthy", strconv.Itoa(v.NodesHealthy), "Nodes Expected", strconv.Itoa(v.NodesExpected),
		"Access Mode", orNone(v.AccessMode), "Attachment Mode", orNone(v.AttachmentMode),
		"Readers", strconv.Itoa(len(v.ReadAllocs)), "Writers", strconv.Itoa(len(v.WriteAllocs)),
	)
	rows := [][]string{{"Access Mode", "Attachment Mode"}}
	for _, capability := range v.RequestedCapabilities {
		rows = append(rows, []string{capability.AccessMode, capability.AttachmentMode})
	}
	text += "\nCapabilities\n" + table(rows)
	if len(v.Topologies) > 0 {
		rows := [][]string{{"Topology", "Segments"}}
		for i, t := range v.Topologies {
			var segments []string
			for _, name := range slices.Sorted(maps.Keys(t.Segments)) {
				segments = append(segments, name+"="+t.Segments[name])
			}
			rows = append(rows, []string{fmt.Sprintf("%02d", i), strings.Join(segments, " ")})
		}
		text += "\nTopologies\n" + table(rows)
	}
	switch {
	case short:
	case len(v.Allocations) == 0:
		text += "\nAllocations\nNo allocations placed\n"
	default:
		text += "\nAllocations\n" + allocTable(v.Allocations, l, time.Now())
	}
	return text
}

func (c *cli) volumeRegister() *cobra.Command {
	var asJSON bool
	cmd := c.verb("register FILE", "Register a volume that is there already, or change it",
		"FILE is HCL or JSON; - is standard input. Start from: drover volume init.\nWhat a volume is (its external ID, plugin and name) can't be changed.", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			v, idle, err := c.readVolume(args[0], asJSON)
			if err != nil {
				return err
			}
			for _, name := range idle {
				fmt.Fprintf(c.Err, "Warning: %s is for volumes that a plugin makes, and has no effect\n", name)
			}
			if err := cl.Volumes.Register(ctx, v, client.Query{Namespace: v.Namespace}); err != nil {
				return fmt.Errorf("Error registering volume: %w", err)
			}
			fmt.Fprintf(c.Out, "Volume %q registered!\n", v.ID)
			return nil
		})
	cmd.Flags().BoolVar(&asJSON, "json", false, "the file is JSON (files that end in .json are anyway)")
	return cmd
}

func (c *cli) volumeDeregister() *cobra.Command {
	var force bool
	cmd := c.verb("deregister VOLUME", "Forget a volume that nobody uses",
		"What is on it stays. The ID must be given in full.", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			if err := cl.Volumes.Deregister(ctx, args[0], force, client.Query{}); err != nil {
				return fmt.Errorf("Error deregistering volume: %w", err)
			}
			fmt.Fprintf(c.Out, "Successfully deregistered volume %q!\n", args[0])
			return nil
		})
	cmd.Flags().BoolVar(&force, "force", false, "also if allocations that were told to stop have not ended")
	return cmd
}

func (c *cli) volumeDetach() *cobra.Command {
	return c.verb("detach VOLUME NODE", "End claims that a node can't end any more",
		"Allocations on the node that were told to stop, or are out of contact, lose their\nclaim on the volume as if they had ended. Make sure first that they don't write to it.\nNODE may be the beginning of its ID; the volume's ID must be given in full.", cobra.ExactArgs(2),
		func(ctx context.Context, cl *client.Client, args []string) error {
			node, err := c.findNode(ctx, cl, args[1])
			if err != nil {
				return err
			}
			if err := cl.Volumes.Detach(ctx, args[0], node.ID, client.Query{}); err != nil {
				return fmt.Errorf("Error detaching volume: %w", err)
			}
			fmt.Fprintf(c.Out, "Successfully detached volume %q from node %q!\n", args[0], node.ID)
			return nil
		})
}

func (c *cli) plugin() *cobra.Command {
	return noun("plugin", "See the storage plugins that nodes run", c.pluginStatus())
}

func (c *cli) pluginStatus() *cobra.Command {
	form := new(form)
	cmd := c.verb("status [PLUGIN]", "List storage plugins, or show one", "", cobra.MaximumNArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			if len(args) == 0 {
				return c.listPlugins(ctx, cl, form)
			}
			p, _, err := cl.Volumes.Plugin(ctx, args[0], client.Query{})
			if err != nil {
				return fmt.Errorf("Error querying plugin: %w", err)
			}
			if form.asked() {
				return form.print(c.Out, p)
			}
			fmt.Fprint(c.Out, pairs(
				"ID", p.ID, "Provider", orNone(p.Provider), "Version", orNone(p.Version),
				"Controllers Healthy", strconv.Itoa(p.ControllersHealthy), "Controllers Expected", strconv.Itoa(p.ControllersExpected),
				"Nodes Healthy", strconv.Itoa(p.NodesHealthy), "Nodes Expected", strconv.Itoa(p.NodesExpected),
			))
			return nil
		})
	form.register(cmd.Flags())
	return cmd
}

func (c *cli) listPlugins(ctx context.Context, cl *client.Client, form *form) error {
	plugins, _, err := cl.Volumes.Plugins(ctx, client.Query{})
	if err != nil {
		return fmt.Errorf("Error querying plugins: %w", err)
	}
	if form.asked() {
		return form.print(c.Out, plugins)
	}
	if len(plugins) == 0 {
		fmt.Fprintln(c.Out, "No storage plugins")
		return nil
	}
	rows := [][]string{{"ID", "Provider", "Controllers Healthy/Expected", "Nodes Healthy/Expected"}}
	for _, p := range plugins {
		rows = append(rows, []string{
			p.ID, orNone(p.Provider),
			fmt.Sprintf("%d/%d", p.ControllersHealthy, p.ControllersExpected), fmt.Sprintf("%d/%d", p.NodesHealthy, p.NodesExpected),
		})
	}
	fmt.Fprint(c.Out, table(rows))
	return nil
}
