package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/droverhq/drover/api/client"
)

func (c *cli) operator() *cobra.Command {
	return noun("operator", "Tools for cluster operators",
		noun("snapshot", "Save and restore the whole state", c.snapshotSave(), c.snapshotRestore()),
		noun("scheduler", "How jobs are placed", c.schedulerGet(), c.schedulerSet()),
		noun("root", "The keys that variables are sealed with", c.keyring()),
		c.controllers())
}

func (c *cli) snapshotSave() *cobra.Command {
	var stale bool
	cmd := c.verb("save [FILE]", "Save the whole state to a file",
		"Writing goes on meanwhile. Without FILE the name is drover-state-DATE-TIME.snap.\nThe file appears only when it is complete.", cobra.MaximumNArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			path := time.Now().UTC().Format("drover-state-20060102-150405.snap")
			if len(args) > 0 {
				path = args[0]
			}
			n, err := saveSnapshot(ctx, cl, path, stale)
			if err != nil {
				return fmt.Errorf("Error saving snapshot: %w", err)
			}
			fmt.Fprintf(c.Out, "State file written to %s (%s)\n", path, bytesOf(uint64(n)))
			return nil
		})
	cmd.Flags().BoolVar(&stale, "stale", false, "save what the server at hand knows, also without a leader")
	return cmd
}

func saveSnapshot(ctx context.Context, cl *client.Client, path string, stale bool) (n int64, err error) {
	body, err := cl.Operator.SnapshotSave(ctx, client.Query{AllowStale: stale})
	if err != nil {
		return 0, err
	}
	defer body.Close()
	tmp, err := os.CreateTemp(filepath.Dir(path), ".drover-state-*")
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}()
	n, err = io.Copy(tmp, body)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return n, err
	}
	return n, os.Rename(tmp.Name(), path)
}

func (c *cli) snapshotRestore() *cobra.Command {
	return c.verb("restore FILE", "Replace the whole state with a saved one",
		"Everything that was written since the snapshot was saved is lost: jobs, their\nversions, nodes' eligibility. A damaged file is refused and changes nothing.", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return fmt.Errorf("Error opening snapshot file: %w", err)
			}
			defer f.Close()
			if err := cl.Operator.SnapshotRestore(ctx, f, client.Query{}); err != nil {
				return fmt.Errorf("Error restoring snapshot: %w", err)
			}
			fmt.Fprintln(c.Out, "Snapshot Restored")
			return nil
		})
}
