package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

func (c *cli) nodeMeta() *cobra.Command {
	return noun("meta", "Read and change what jobs may ask of a node as ${meta.KEY}", c.nodeMetaApply(), c.nodeMetaRead())
}

// metaNode returns the ID of the node that -node-id names, else that of the agent at
// hand.
func (c *cli) metaNode(ctx context.Context, cl *client.Client, given string) (string, error) {
	if given == "" {
		return ownNode(ctx, cl)
	}
	node, err := c.findNode(ctx, cl, given)
	if err != nil {
		return "", err
	}
	return node.ID, nil
}

func (c *cli) nodeMetaApply() *cobra.Command {
	var node, unset string
	cmd := c.verb("apply [KEY=VALUE…]", "Change the meta of a node",
		`What is set here goes before what the agent's configuration says, at once and for as long
as the node's data directory is kept. Keys may be taken out with -unset, also those of the
configuration; what is set there shows again when it is set to nothing else here.`, cobra.ArbitraryArgs,
		func(ctx context.Context, cl *client.Client, args []string) error {
			meta, err := metaChange(args, unset)
			if err != nil {
				return err
			}
			id, err := c.metaNode(ctx, cl, node)
			if err != nil {
				return err
			}
			if _, err := cl.Nodes.SetMeta(ctx, id, meta, client.Query{}); err != nil {
				return fmt.Errorf("Error applying dynamic node metadata: %w", err)
			}
			return nil
		})
	cmd.Flags().StringVar(&node, "node-id", "", "the `node`, or the beginning of its ID; else that of the agent that is asked")
	cmd.Flags().StringVar(&unset, "unset", "", "`keys` to take out, with commas between")
	return cmd
}

// metaChange reads what is to be set and taken out.
func metaChange(set []string, unset string) (map[string]*string, error) {
	meta := make(map[string]*string)
	for _, pair := range set {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, failf(1, "%q: write KEY=VALUE", pair)
		}
		meta[key] = &value
	}
	for key := range strings.SplitSeq(unset, ",") {
		if key = strings.TrimSpace(key); key == "" {
			continue
		}
		if _, both := meta[key]; both {
			return nil, failf(1, "%s is to be set and taken out", key)
		}
		meta[key] = nil
	}
	if len(meta) == 0 {
		return nil, failf(1, "Nothing to change: give KEY=VALUE, or -unset KEY")
	}
	return meta, nil
}

func (c *cli) nodeMetaRead() *cobra.Command {
	var node string
	var f form
	cmd := c.verb("read", "Show the meta of a node and where it comes from",
		"What is shown is what the node's agent has; the servers hear of changes a moment later.", cobra.NoArgs,
		func(ctx context.Context, cl *client.Client, _ []string) error {
			id, err := c.metaNode(ctx, cl, node)
			if err != nil {
				return err
			}
			meta, err := cl.Nodes.Meta(ctx, id, client.Query{})
			if err != nil {
				return fmt.Errorf("Error reading dynamic node metadata: %w", err)
			}
			if f.asked() {
				return f.print(c.Out, meta)
			}
			fmt.Fprint(c.Out, metaText(meta))
			return nil
		})
	cmd.Flags().StringVar(&node, "node-id", "", "the `node`, or the beginning of its ID; else that of the agent that is asked")
	f.register(cmd.Flags())
	return cmd
}

func metaText(m *api.NodeMeta) string {
	dynamic := make(map[string]string, len(m.Dynamic))
	for key, value := range m.Dynamic {
		dynamic[key] = "<unset>"
		if value != nil {
			dynamic[key] = *value
		}
	}
	return "All Meta\n" + mapText(m.Meta) + "\nDynamic Meta\n" + mapText(dynamic) + "\nStatic Meta\n" + mapText(m.Static)
}
