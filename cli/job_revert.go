package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

func (c *cli) jobRevert() *cobra.Command {
	var f followFlags
	cmd := c.verb("revert JOB VERSION|TAG", "Go back to an earlier version of a job",
		"It is registered again, as a new version, and rolled out like any other.\ndrover job history lists the versions and their tags.", cobra.ExactArgs(2),
		func(ctx context.Context, cl *client.Client, args []string) error {
			stub, err := c.findJob(ctx, cl, args[0])
			if err != nil {
				return err
			}
			version, err := versionOrTag(ctx, cl, stub, args[1])
			if err != nil {
				return err
			}
			resp, err := cl.Jobs.Revert(ctx, stub.ID, version, nil, client.Query{Namespace: stub.Namespace})
			if err != nil {
				return fmt.Errorf("Error reverting job: %w", err)
			}
			c.warn(nil, resp.Warnings)
			return c.followOrder(ctx, cl, resp.EvalID, f)
		})
	f.register(cmd)
	return cmd
}

// versionOrTag returns the version that a number or a tag names.
func versionOrTag(ctx context.Context, cl *client.Client, stub *api.JobListStub, given string) (uint64, error) {
	if n, err := strconv.ParseUint(given, 10, 64); err == nil {
		return n, nil
	}
	versions, _, err := cl.Jobs.Versions(ctx, stub.ID, false, client.Query{Namespace: stub.Namespace})
	if err != nil {
		return 0, fmt.Errorf("Error retrieving job versions: %w", err)
	}
	for _, v := range versions.Versions {
		if v.VersionTag != nil && v.VersionTag.Name == given {
			return api.Deref(v.Version), nil
		}
	}
	return 0, failf(1, "Job %q has no version with the tag %q\nSee: drover job history %[1]s", stub.ID, given)
}

func (c *cli) jobTag() *cobra.Command {
	return noun("tag", "Name versions of a job, which keeps them", c.jobTagApply(), c.jobTagUnset())
}

func (c *cli) jobTagApply() *cobra.Command {
	var name, description, version string
	cmd := c.verb("apply JOB", "Give a version of a job a tag",
		"A version with a tag is never collected. A tag is on one version of a job, and a\nversion has one tag.", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			if name == "" {
				return failf(1, "Which tag? Add -name NAME")
			}
			stub, err := c.findJob(ctx, cl, args[0])
			if err != nil {
				return err
			}
			q := client.Query{Namespace: stub.Namespace}
			var n uint64
			if version != "" {
				if n, err = strconv.ParseUint(version, 10, 64); err != nil {
					return failf(1, "-version %q is not a number", version)
				}
			} else {
				job, _, err := cl.Jobs.Get(ctx, stub.ID, q)
				if err != nil {
					return fmt.Errorf("Error reading job: %w", err)
				}
				n = api.Deref(job.Version)
			}
			if _, err := cl.Jobs.Tag(ctx, stub.ID, name, &n, description, q); err != nil {
				return fmt.Errorf("Error tagging job version: %w", err)
			}
			fmt.Fprintf(c.Out, "Job version %d tagged with name %q\n", n, name)
			return nil
		})
	f := cmd.Flags()
	f.StringVar(&name, "name", "", "the `tag`")
	f.StringVar(&description, "description", "", "a `text` that says what it is for")
	f.StringVar(&version, "version", "", "the `number` of the version; the current one if it is left out")
	return cmd
}

func (c *cli) jobTagUnset() *cobra.Command {
	var name string
	cmd := c.verb("unset JOB", "Take a tag from a version of a job", "The version is collected then as any other.", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			if name == "" {
				return failf(1, "Which tag? Add -name NAME")
			}
			stub, err := c.findJob(ctx, cl, args[0])
			if err != nil {
				return err
			}
			if _, err := cl.Jobs.Untag(ctx, stub.ID, name, client.Query{Namespace: stub.Namespace}); err != nil {
				return fmt.Errorf("Error removing the tag: %w", err)
			}
			fmt.Fprintf(c.Out, "Tag %q removed from job %q\n", name, stub.ID)
			return nil
		})
	cmd.Flags().StringVar(&name, "name", "", "the `tag`")
	return cmd
}
