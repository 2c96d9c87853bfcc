package cli

import (
	"flag"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/droverhq/drover/config"
)

func (c *cli) agent() *cobra.Command {
	flags := new(config.Flags)
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "Run an agent: a server, a node, or both",
		Long: `Run an agent: a server, a node, or both, until it is interrupted.

  drover agent -dev                   a server and a node, to try things out
  drover agent -config /etc/drover.d  as the files of a folder say, merged in the
                                      order of their names; flags are above files

Tasks outlive the agent of their node: when it is stopped or killed they run on,
and the next agent on the same data_dir picks them up. (-dev stops its tasks and
removes its data when it is interrupted.)`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return failf(1, "drover agent takes no %q: name configuration files with -config\nMore: drover agent -h", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, notes, err := config.Load(flags)
			if err != nil {
				return fmt.Errorf("agent not started: %w", err)
			}
			return c.RunAgent(cmd.Context(), cfg, notes)
		},
	}
	fs := flag.NewFlagSet("agent", flag.ContinueOnError)
	flags.Register(fs)
	cmd.Flags().AddGoFlagSet(fs)
	return cmd
}

func (c *cli) version() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(c.Out, "drover", c.Version)
			return err
		},
	}
}
