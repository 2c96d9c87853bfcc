package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

// historyView is what job history shows.
type historyView struct {
	diffs, full                   bool
	version, diffVersion, diffTag string
	form                          form
}

func (c *cli) jobHistory() *cobra.Command {
	v := new(historyView)
	cmd := c.verb("history JOB", "List the versions of a job",
		"Newest first. With -p each is compared with the one before, with -diff-version or\n-diff-tag with the one that these name.", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			stub, err := c.findJob(ctx, cl, args[0])
			if err != nil {
				return err
			}
			versions, err := v.read(ctx, cl, stub)
			if err != nil {
				return err
			}
			return c.showHistory(versions, v)
		})
	f := cmd.Flags()
	f.BoolVarP(&v.diffs, "p", "p", false, "with the difference to the version before")
	f.BoolVar(&v.full, "full", false, "with the whole of each version, as JSON")
	f.StringVar(&v.version, "version", "", "only the version of that `number`")
	f.StringVar(&v.diffVersion, "diff-version", "", "with the difference to the version of that `number`")
	f.StringVar(&v.diffTag, "diff-tag", "", "with the difference to the version that has that `tag`")
	v.form.register(f)
	return cmd
}

// read reads the versions, with the differences that are to be shown.
func (v *historyView) read(ctx context.Context, cl *client.Client, stub *api.JobListStub) (*api.JobVersionsResponse, error) {
	q := client.Query{Namespace: stub.Namespace}
	var out *api.JobVersionsResponse
	var err error
	switch {
	case v.diffTag != "" && v.diffVersion != "":
		return nil, failf(1, "say either -diff-tag or -diff-version")
	case v.diffTag != "":
		out, _, err = cl.Jobs.VersionsAgainst(ctx, stub.ID, v.diffTag, 0, q)
	case v.diffVersion != "":
		n, bad := strconv.ParseUint(v.diffVersion, 10, 64)
		if bad != nil {
			return nil, failf(1, "-diff-version %q is not a number", v.diffVersion)
		}
		out, _, err = cl.Jobs.VersionsAgainst(ctx, stub.ID, "", n, q)
	default:
		out, _, err = cl.Jobs.Versions(ctx, stub.ID, v.diffs, q)
	}
	if err != nil {
		return nil, fmt.Errorf("Error retrieving job versions: %w", err)
	}
	return out, v.only(stub.ID, out)
}

// only leaves the version that was asked for.
func (v *historyView) only(id string, all *api.JobVersionsResponse) error {
	if v.version == "" {
		return nil
	}
	n, err := strconv.ParseUint(v.version, 10, 64)
	if err != nil {
		return failf(1, "-version %q is not a number", v.version)
	}
	at := slices.IndexFunc(all.Versions, func(j *api.Job) bool { return api.Deref(j.Version) == n })
	if at < 0 {
		return failf(1, "Job %q has no version %d (any more)", id, n)
	}
	all.Versions = all.Versions[at : at+1]
	if at < len(all.Diffs) {
		all.Diffs = all.Diffs[at : at+1]
	} else {
		all.Diffs = nil
	}
	return nil
}

func (c *cli) showHistory(all *api.JobVersionsResponse, v *historyView) error {
	if v.form.asked() {
		return v.form.print(c.Out, all.Versions)
	}
	for n, job := range all.Versions {
		if n > 0 {
			fmt.Fprintln(c.Out)
		}
		facts := []string{
			"Version", strconv.FormatUint(api.Deref(job.Version), 10),
			"Stable", strconv.FormatBool(api.Deref(job.Stable)),
			"Submit Date", stamp(api.Deref(job.SubmitTime)),
		}
		if tag := job.VersionTag; tag != nil {
			facts = append(facts, "Tag Name", tag.Name)
			if tag.Description != "" {
				facts = append(facts, "Tag Description", tag.Description)
			}
		}
		if n < len(all.Diffs) && all.Diffs[n].Type != api.DiffNone {
			facts = append(facts, "Diff", "\n"+strings.TrimRight(c.diffText(all.Diffs[n], false), "\n"))
		}
		fmt.Fprint(c.Out, pairs(facts...))
		if v.full {
			if err := printJSON(c.Out, job); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *cli) jobDeployments() *cobra.Command {
	var verbose, latest, all bool
	form := new(form)
	cmd := c.verb("deployments JOB", "List the rollouts of a job", "Newest first. With -all also those of an earlier job of the same ID, which was purged.", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			stub, err := c.findJob(ctx, cl, args[0])
			if err != nil {
				return err
			}
			q := client.Query{Namespace: stub.Namespace}
			if latest {
				d, _, err := cl.Jobs.LatestDeployment(ctx, stub.ID, q)
				if err != nil {
					return fmt.Errorf("Error retrieving deployments: %w", err)
				}
				return c.showDeployment(d, form, ids(verbose))
			}
			q.Params = map[string]string{"all": strconv.FormatBool(all)}
			list, _, err := cl.Jobs.Deployments(ctx, stub.ID, q)
			if err != nil {
				return fmt.Errorf("Error retrieving deployments: %w", err)
			}
			return c.showDeployments(list, form, ids(verbose))
		})
	f := cmd.Flags()
	f.BoolVar(&verbose, "verbose", false, "show full IDs")
	f.BoolVar(&latest, "latest", false, "show only the latest, in full")
	f.BoolVar(&all, "all", false, "also those of an earlier job of the same ID")
	form.register(f)
	return cmd
}
