package cli

import (
	"context"
	"fmt"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

// resolve finds the one item whose ID is, or starts with, what the user gave.
// list returns those that match the prefix, id what an item is called, and columns
// how several are shown, the first row being the header.
func resolve[T any](what, given string, items []T, id func(T) string, header []string, columns func(T) []string) (T, error) {
	var zero T
	for _, item := range items {
		if id(item) == given {
			return item, nil
		}
	}
	switch len(items) {
	case 0:
		return zero, failf(1, "No %s(s) with prefix or ID %q found", what, given)
	case 1:
		return items[0], nil
	}
	rows := [][]string{header}
	for _, item := range items {
		rows = append(rows, columns(item))
	}
	return zero, failf(1, "Prefix %q matched multiple %ss\n\n%s", given, what, table(rows))
}

func (c *cli) findJob(ctx context.Context, cl *client.Client, given string) (*api.JobListStub, error) {
	jobs, _, err := cl.Jobs.List(ctx, client.Query{Prefix: given})
	if err != nil {
		return nil, fmt.Errorf("Error querying jobs: %w", err)
	}
	return resolve("job", given, jobs, func(j *api.JobListStub) string { return j.ID },
		jobHeader, func(j *api.JobListStub) []string { return jobRow(j) })
}

func (c *cli) findAlloc(ctx context.Context, cl *client.Client, given string) (*api.AllocationListStub, error) {
	given = idArg(given)
	allocs, _, err := cl.Allocations.List(ctx, client.Query{Prefix: given, Namespace: c.anyNamespace()})
	if err != nil {
		return nil, fmt.Errorf("Error querying allocation: %w", err)
	}
	return resolve("allocation", given, allocs, func(a *api.AllocationListStub) string { return a.ID },
		[]string{"ID", "Job ID", "Node ID", "Task Group", "Version", "Desired", "Status"},
		func(a *api.AllocationListStub) []string {
			return []string{a.ID, a.JobID, shortIDs.of(a.NodeID), a.TaskGroup, fmt.Sprint(a.JobVersion), a.DesiredStatus, a.ClientStatus}
		})
}

func (c *cli) findNode(ctx context.Context, cl *client.Client, given string) (*api.NodeListStub, error) {
	given = idArg(given)
	nodes, _, err := cl.Nodes.List(ctx, false, client.Query{Prefix: given})
	if err != nil {
		return nil, fmt.Errorf("Error querying node: %w", err)
	}
	return resolve("node", given, nodes, func(n *api.NodeListStub) string { return n.ID },
		nodeHeader(longIDs), func(n *api.NodeListStub) []string { return nodeRow(n, longIDs) })
}

func (c *cli) findEval(ctx context.Context, cl *client.Client, given string) (*api.Evaluation, error) {
	given = idArg(given)
	evals, _, err := cl.Evaluations.List(ctx, client.Query{Prefix: given, Namespace: c.anyNamespace()})
	if err != nil {
		return nil, fmt.Errorf("Error querying evaluation: %w", err)
	}
	return resolve("evaluation", given, evals, func(e *api.Evaluation) string { return e.ID },
		evalHeader, func(e *api.Evaluation) []string { return evalRow(e, longIDs) })
}

func (c *cli) findDeployment(ctx context.Context, cl *client.Client, given string) (*api.Deployment, error) {
	given = idArg(given)
	all, _, err := cl.Deployments.List(ctx, client.Query{Prefix: given, Namespace: c.anyNamespace()})
	if err != nil {
		return nil, fmt.Errorf("Error querying deployment: %w", err)
	}
	return resolve("deployment", given, all, func(d *api.Deployment) string { return d.ID },
		deploymentHeader, func(d *api.Deployment) []string { return deploymentRow(d, longIDs) })
}

// anyNamespace is where IDs that are unique in the whole cluster are looked for:
// everywhere, unless the user named a namespace.
func (c *cli) anyNamespace() string {
	if c.conn.namespace != "" {
		return c.conn.namespace
	}
	return "*"
}
