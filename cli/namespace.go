package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

func (c *cli) namespace() *cobra.Command {
	return noun("namespace", "Keep the jobs of different users apart",
		c.namespaceList(), c.namespaceStatus(), c.namespaceInspect(), c.namespaceApply(), c.namespaceDelete())
}

func (c *cli) namespaceList() *cobra.Command {
	form := new(form)
	cmd := c.verb("list", "List the namespaces", "", cobra.NoArgs,
		func(ctx context.Context, cl *client.Client, _ []string) error {
			all, _, err := cl.Namespaces.List(ctx, client.Query{})
			if err != nil {
				return fmt.Errorf("Error retrieving namespaces: %w", err)
			}
			if form.asked() {
				return form.print(c.Out, all)
			}
			rows := [][]string{{"Name", "Description"}}
			for _, n := range all {
				rows = append(rows, []string{n.Name, orNone(n.Description)})
			}
			fmt.Fprint(c.Out, table(rows))
			return nil
		})
	form.register(cmd.Flags())
	return cmd
}

func (c *cli) namespaceStatus() *cobra.Command {
	form := new(form)
	cmd := c.verb("status NAMESPACE", "Show a namespace", "NAMESPACE may be the beginning of its name.", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			n, err := findNamespace(ctx, cl, args[0])
			if err != nil {
				return err
			}
			if form.asked() {
				return form.print(c.Out, n)
			}
			fmt.Fprint(c.Out, namespaceText(n))
			return nil
		})
	form.register(cmd.Flags())
	return cmd
}

func findNamespace(ctx context.Context, cl *client.Client, given string) (*api.Namespace, error) {
	found, _, err := cl.Namespaces.List(ctx, client.Query{Prefix: given})
	if err != nil {
		return nil, fmt.Errorf("Error querying namespace: %w", err)
	}
	return resolve("namespace", given, found, func(n *api.Namespace) string { return n.Name },
		[]string{"Name", "Description"}, func(n *api.Namespace) []string { return []string{n.Name, n.Description} })
}

func namespaceText(n *api.Namespace) string {
	capabilities := n.Capabilities
	if capabilities == nil {
		capabilities = new(api.NamespaceCapabilities)
	}
	text := pairs("Name", n.Name, "Description", orNone(n.Description), "Quota", orNone(n.Quota),
		"Enabled Drivers", listOr(capabilities.EnabledTaskDrivers, "*"),
		"Disabled Drivers", listOr(capabilities.DisabledTaskDrivers, "<none>"),
		"Enabled Network Modes", listOr(capabilities.EnabledNetworkModes, "*"),
		"Disabled Network Modes", listOr(capabilities.DisabledNetworkModes, "<none>"))
	if p := n.NodePoolConfiguration; p != nil {
		text += "\nNode Pool Configuration\n" + pairs("Default", orNone(p.Default),
			"Allowed", listOr(p.Allowed, "*"), "Denied", listOr(p.Denied, "<none>"))
	}
	if len(n.Meta) > 0 {
		text += "\nMetadata\n" + metaPairs(n.Meta)
	}
	return text
}

func metaPairs(meta map[string]string) string {
	var facts []string
	for _, key := range slices.Sorted(maps.Keys(meta)) {
		facts = append(facts, key, meta[key])
	}
	return pairs(facts...)
}

// listOr joins a list, or says what an empty one means.
func listOr(list []string, empty string) string {
	if len(list) == 0 {
		return empty
	}
	return strings.Join(list, ",")
}

func (c *cli) namespaceInspect() *cobra.Command {
	cmd := c.verb("inspect NAMESPACE", "Print a namespace as JSON", "", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			n, err := findNamespace(ctx, cl, args[0])
			if err != nil {
				return err
			}
			return printJSON(c.Out, n)
		})
	return cmd
}

func (c *cli) namespaceApply() *cobra.Command {
	var asJSON bool
	var description, quota string
	var flags *cobra.Command
	flags = c.verb("apply NAMESPACE|FILE", "Make a namespace, or change it",
		"FILE, in HCL or JSON, says all that the namespace is; - is standard input. With a name, only\nwhat is given as a flag changes:\n\n  drover namespace apply -description \"team A\" team-a", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			n, err := c.namespaceOf(ctx, cl, args[0], asJSON)
			if err != nil {
				return err
			}
			if flags.Flags().Changed("description") {
				n.Description = description
			}
			if flags.Flags().Changed("quota") {
				n.Quota = quota
			}
			if err := cl.Namespaces.Put(ctx, n); err != nil {
				return fmt.Errorf("Error applying namespace: %w", err)
			}
			fmt.Fprintf(c.Out, "Successfully applied namespace %q!\n", n.Name)
			return nil
		})
	f := flags.Flags()
	f.StringVar(&description, "description", "", "what it is for")
	f.StringVar(&quota, "quota", "", "its `quota`")
	f.BoolVar(&asJSON, "json", false, "the file is JSON (files that end in .json are anyway)")
	return flags
}

// namespaceOf is the namespace that an argument means: one of a file, one that there
// is, or a new one.
func (c *cli) namespaceOf(ctx context.Context, cl *client.Client, arg string, asJSON bool) (*api.Namespace, error) {
	info, statErr := os.Stat(arg)
	if arg == "-" || (statErr == nil && !info.IsDir()) {
		return c.readNamespace(arg, asJSON)
	}
	n, _, err := cl.Namespaces.Get(ctx, arg, client.Query{})
	switch {
	case errors.Is(err, api.ErrNotFound):
		return &api.Namespace{Name: arg}, nil
	case err != nil:
		return nil, fmt.Errorf("Error reading namespace: %w", err)
	}
	return n, nil
}

func (c *cli) namespaceDelete() *cobra.Command {
	cmd := c.verb("delete NAMESPACE", "Delete a namespace", "All its jobs must be dead. The name must be given in full.", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			if err := cl.Namespaces.Delete(ctx, args[0]); err != nil {
				return fmt.Errorf("Error deleting namespace: %w", err)
			}
			fmt.Fprintf(c.Out, "Successfully deleted namespace %q!\n", args[0])
			return nil
		})
	return cmd
}
