package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

func (c *cli) volumeClaim() *cobra.Command {
	return noun("claim", "See to which volumes instances come back", c.volumeClaimList(), c.volumeClaimDelete())
}

func claimHeader() []string {
	return []string{"ID", "Namespace", "Job ID", "Group", "Index", "Volume Name", "Volume ID"}
}

func claimRow(claim *api.HostVolumeClaim, l ids) []string {
	return []string{
		l.of(claim.ID), claim.Namespace, claim.JobID, claim.TaskGroupName, strconv.Itoa(claim.Index), claim.VolumeName, l.of(claim.VolumeID),
	}
}

func (c *cli) volumeClaimList() *cobra.Command {
	var job, group, volume string
	var verbose bool
	form := new(form)
	cmd := c.verb("list [CLAIM]", "List claims on host volumes",
		"A group that asks for a host volume with sticky = true has one for each instance: whoever\nfollows it goes to the node that is its volume ID. CLAIM may be the beginning of an ID.", cobra.MaximumNArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			q := client.Query{}
			if len(args) > 0 {
				q.Prefix = idArg(args[0])
			}
			claims, _, err := cl.Volumes.Claims(ctx, job, group, volume, q)
			if err != nil {
				return fmt.Errorf("Error querying volume claims: %w", err)
			}
			if form.asked() {
				return form.print(c.Out, claims)
			}
			if len(claims) == 0 {
				fmt.Fprintln(c.Out, "No volume claims")
				return nil
			}
			rows := [][]string{claimHeader()}
			for _, claim := range claims {
				rows = append(rows, claimRow(claim, ids(verbose)))
			}
			fmt.Fprint(c.Out, table(rows))
			return nil
		})
	f := cmd.Flags()
	f.StringVar(&job, "job", "", "only those of a `job`")
	f.StringVar(&group, "group", "", "only those of a `group`")
	f.StringVar(&volume, "volume-name", "", "only those on volumes of a `name`")
	f.BoolVar(&verbose, "verbose", false, "show full IDs")
	form.register(f)
	return cmd
}

func (c *cli) volumeClaimDelete() *cobra.Command {
	var yes bool
	cmd := c.verb("delete CLAIM", "Let an instance go elsewhere when it is replaced",
		"CLAIM may be the beginning of its ID. What is on the volume stays there.", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			found, _, err := cl.Volumes.Claims(ctx, "", "", "", client.Query{Prefix: idArg(args[0])})
			if err != nil {
				return fmt.Errorf("Error querying volume claims: %w", err)
			}
			claim, err := resolve("volume claim", args[0], found, func(h *api.HostVolumeClaim) string { return h.ID },
				claimHeader(), func(h *api.HostVolumeClaim) []string { return claimRow(h, longIDs) })
			if err != nil {
				return err
			}
			if !yes {
				ok, err := c.confirm("Whoever follows %s.%s[%d] won't find what is on volume %q of node %s. Delete the claim?",
					claim.JobID, claim.TaskGroupName, claim.Index, claim.VolumeName, claim.VolumeID)
				if err != nil || !ok {
					return err
				}
			}
			if err := cl.Volumes.DeleteClaim(ctx, claim.ID); err != nil {
				return fmt.Errorf("Error deleting volume claim: %w", err)
			}
			fmt.Fprintf(c.Out, "Task group host volume claim %s successfully deleted\n", claim.ID)
			return nil
		})
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "don't ask")
	return cmd
}
