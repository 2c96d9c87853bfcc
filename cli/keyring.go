package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

func (c *cli) keyring() *cobra.Command {
	return noun("keyring", "See and change the keys that variables are sealed with", c.keyringList(), c.keyringRotate(), c.keyringRemove())
}

func keyRows(keys []*api.RootKeyMeta, l ids) [][]string {
	rows := [][]string{{"Key", "State", "Create Time", "Publish Time"}}
	for _, k := range keys {
		published := "<none>"
		if k.PublishTime != 0 {
			published = stamp(k.PublishTime)
		}
		rows = append(rows, []string{l.of(k.KeyID), k.State, stamp(k.CreateTime), published})
	}
	return rows
}

func (c *cli) keyringList() *cobra.Command {
	var verbose bool
	form := new(form)
	cmd := c.verb("list", "List the root keys",
		"New variables are sealed with the one that is active. With an inactive one others still are;\nwhat is sealed with one that is rekeying is being sealed anew; a deprecated one is not needed\nany more.", cobra.NoArgs,
		func(ctx context.Context, cl *client.Client, _ []string) error {
			keys, _, err := cl.RootKeys.List(ctx, client.Query{})
			if err != nil {
				return fmt.Errorf("Error querying root keys: %w", err)
			}
			if form.asked() {
				return form.print(c.Out, keys)
			}
			fmt.Fprint(c.Out, table(keyRows(keys, ids(verbose))))
			return nil
		})
	cmd.Flags().BoolVar(&verbose, "verbose", false, "show full IDs")
	form.register(cmd.Flags())
	return cmd
}

func (c *cli) keyringRotate() *cobra.Command {
	var full, now, verbose bool
	cmd := c.verb("rotate", "Seal variables with a new root key from now on",
		"What there is stays readable with the key that it was sealed with.", cobra.NoArgs,
		func(ctx context.Context, cl *client.Client, _ []string) error {
			key, err := cl.RootKeys.Rotate(ctx, full)
			if err != nil {
				return fmt.Errorf("Error rotating root key: %w", err)
			}
			fmt.Fprint(c.Out, table(keyRows([]*api.RootKeyMeta{key}, ids(verbose))))
			return nil
		})
	f := cmd.Flags()
	f.BoolVar(&full, "full", false, "seal all variables anew, in the background; list says when it is done")
	f.BoolVar(&now, "now", true, "use the key at once, which is what always happens")
	f.BoolVar(&verbose, "verbose", false, "show full IDs")
	return cmd
}

func (c *cli) keyringRemove() *cobra.Command {
	var force bool
	cmd := c.verb("remove KEY", "Remove a root key for good",
		"KEY is its whole ID, which list -verbose shows. The active key stays, and so does one that\nvariables are sealed with: nobody could read them any more.", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			if err := cl.RootKeys.Remove(ctx, args[0], force); err != nil {
				return fmt.Errorf("Error removing root key: %w", err)
			}
			fmt.Fprintf(c.Out, "Removed encryption key %s\n", args[0])
			return nil
		})
	cmd.Flags().BoolVar(&force, "force", false, "give up the variables that are sealed with it")
	return cmd
}
