package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

// remark is what there is to say of a job besides its state: what it waits for, say.
func remark(job *api.Job) string {
	if text := api.Deref(job.StatusDescription); text != "" {
		return ": " + text
	}
	return ""
}

// showDependencies shows the jobs that a job depends on, and how they do.
func (c *cli) showDependencies(ctx context.Context, cl *client.Client, job *api.Job) error {
	if len(job.DependsOn) == 0 {
		return nil
	}
	rows := [][]string{{"Job", "Namespace", "Condition", "Status"}}
	for _, d := range job.DependsOn {
		key := d.Key(job)
		other, _, err := cl.Jobs.Get(ctx, key.ID, client.Query{Namespace: key.Namespace})
		status := "not registered"
		switch {
		case err == nil:
			status = api.Deref(other.Status) + remark(other)
		case !errors.Is(err, api.ErrNotFound):
			return fmt.Errorf("Error querying job %q: %w", key.ID, err)
		}
		rows = append(rows, []string{key.ID, key.Namespace, conditionText(d, other), status})
	}
	fmt.Fprint(c.Out, "\nDependencies\n", table(rows))
	return nil
}

// conditionText is what a dependency waits for. other is nil if it is not there.
func conditionText(d *api.JobDependency, other *api.Job) string {
	switch {
	case d.Condition != "":
		return d.Condition
	case other == nil:
		return "success or healthy"
	case other.IsBatch():
		return api.DependsOnSuccess
	}
	return api.DependsOnHealthy
}

// indexesText says how far the indexed groups of a job are; it is empty if there is none.
func indexesText(s *api.JobSummary) string {
	rows := [][]string{{"Task Group", "Completed", "Failed", "Failed Indexes"}}
	for _, g := range slices.Sorted(maps.Keys(s.Summary)) {
		p := s.Summary[g].Indexed
		if p == nil {
			continue
		}
		failed := string(p.Failed)
		if len(failed) > shownIndexes {
			failed = failed[:shownIndexes] + "…"
		}
		rows = append(rows, []string{
			g, fmt.Sprintf("%d/%d", p.Completed.Len(), p.Completions), strconv.Itoa(p.Failed.Len()), failed,
		})
	}
	if len(rows) == 1 {
		return ""
	}
	return "\nIndexes\n" + table(rows)
}

// shownIndexes is how many characters of a list of indexes are shown.
const shownIndexes = 60
