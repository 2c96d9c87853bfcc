package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

func (c *cli) jobAction() *cobra.Command {
	var job, alloc string
	var a client.ActionRef
	s := new(streamFlags)
	cmd := c.verb("action [ACTION]", "Run one of a job's actions, or list them",
		`An action is a command that the job says is of use (action "NAME" in a task). It is run
beside the task, in the allocation that is named or any in which the task runs. The exit
code is that of the command. Without ACTION, the job's actions are listed.`, cobra.MaximumNArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			if job == "" {
				return failf(1, "Name the job: drover job action -job JOB [ACTION]")
			}
			stub, err := c.findJob(ctx, cl, job)
			if err != nil {
				return err
			}
			q := client.Query{Namespace: stub.Namespace}
			if len(args) == 0 {
				return c.listActions(ctx, cl, stub, q)
			}
			if a.Name = args[0]; alloc != "" {
				found, err := c.findAlloc(ctx, cl, alloc)
				if err != nil {
					return err
				}
				a.Alloc = found.ID
			}
			return c.attached(s, func(t client.Terminal) (int, error) { return cl.Jobs.Action(ctx, stub.ID, a, t, q) })
		})
	f := cmd.Flags()
	f.StringVar(&job, "job", "", "`ID` of the job, or its beginning")
	f.StringVar(&alloc, "alloc", "", "`ID` of the allocation to run it in")
	f.StringVar(&a.Group, "group", "", "`name` of the group, if several have the action")
	f.StringVar(&a.Task, "task", "", "`name` of the task, if several have the action")
	s.register(f)
	return cmd
}

func (c *cli) listActions(ctx context.Context, cl *client.Client, job *api.JobListStub, q client.Query) error {
	actions, _, err := cl.Jobs.Actions(ctx, job.ID, q)
	if err != nil {
		return fmt.Errorf("Error querying job actions: %w", err)
	}
	if len(actions) == 0 {
		fmt.Fprintf(c.Out, "Job %q has no actions\n", job.ID)
		return nil
	}
	rows := [][]string{{"Action", "Group", "Task", "Command"}}
	for _, a := range actions {
		rows = append(rows, []string{a.Name, a.TaskGroupName, a.TaskName, strings.Join(append([]string{a.Command}, a.Args...), " ")})
	}
	fmt.Fprint(c.Out, table(rows))
	return nil
}
