package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

// begin restarts one allocation, and returns how to wait until it runs again.
func (r *restart) begin(ctx context.Context, a *api.AllocationListStub) (wait func(context.Context) error, err error) {
	q := client.Query{Namespace: a.Namespace}
	if r.flags.reschedule {
		r.line("Rescheduling allocation %q for group %q", r.ids.of(a.ID), a.TaskGroup)
		if r.flags.noShutdownDelay {
			q.Params = map[string]string{"no_shutdown_delay": "true"}
		}
		resp, err := r.cl.Allocations.Stop(ctx, a.ID, q)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context) error { return r.replaced(ctx, a, resp.EvalID) }, nil
	}
	requests := []api.AllocRestartRequest{{AllTasks: r.flags.allTasks}}
	what := "running tasks"
	switch {
	case r.flags.allTasks:
		what = "all tasks"
	case len(r.flags.tasks) > 0:
		requests = requests[:0]
		tasks := r.flags.tasksOf(a)
		for _, name := range tasks {
			requests = append(requests, api.AllocRestartRequest{TaskName: name})
		}
		what = fmt.Sprintf("task %q", strings.Join(tasks, `", "`))
	}
	r.line("Restarting %s in allocation %q for group %q", what, r.ids.of(a.ID), a.TaskGroup)
	for _, request := range requests {
		if err := r.cl.Allocations.Restart(ctx, a.ID, request, q); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context) error { return r.restarted(ctx, a) }, nil
}

// restarted waits until the tasks that were restarted run again.
func (r *restart) restarted(ctx context.Context, before *api.AllocationListStub) error {
	return r.watch(ctx, before.ID, before.Namespace, func(a *api.Allocation) (bool, error) {
		for name, was := range before.TaskStates {
			asked := was.State == api.TaskStateRunning || r.flags.allTasks && was.StartedAt != nil
			if !asked || len(r.flags.tasks) > 0 && !slices.Contains(r.flags.tasks, name) {
				continue
			}
			is := a.TaskStates[name]
			if is == nil || is.Restarts == was.Restarts || is.State == api.TaskStatePending {
				return false, ended(a)
			}
		}
		return a.ClientStatus == api.AllocClientRunning, ended(a)
	})
}

// replaced waits until the successor of an allocation that was stopped runs.
func (r *restart) replaced(ctx context.Context, old *api.AllocationListStub, evalID string) error {
	next := ""
	err := r.watch(ctx, old.ID, old.Namespace, func(a *api.Allocation) (bool, error) {
		next = a.NextAllocation
		if next != "" {
			return true, nil
		}
		e, _, err := r.cl.Evaluations.Get(ctx, evalID, client.Query{Namespace: "*"})
		if err == nil && e.Terminal() && len(e.FailedTGAllocs) > 0 {
			return false, errors.New("there is no room for its successor; why: drover eval status " + r.ids.of(evalID))
		}
		return false, err
	})
	if err != nil {
		return err
	}
	return r.watch(ctx, next, old.Namespace, func(a *api.Allocation) (bool, error) {
		return a.ClientStatus == api.AllocClientRunning, ended(a)
	})
}

// ended says that an allocation does not come to run any more.
func ended(a *api.Allocation) error {
	switch a.ClientStatus {
	case api.AllocClientComplete, api.AllocClientFailed, api.AllocClientLost:
		return fmt.Errorf("allocation is %s: %s", a.ClientStatus, firstText(a.ClientDescription, "it does not run again"))
	}
	return nil
}

// watch reads an allocation until it is as wanted.
func (r *restart) watch(ctx context.Context, id, namespace string, wanted func(*api.Allocation) (bool, error)) error {
	q := client.Query{Namespace: namespace, WaitTime: time.Minute}
	for {
		a, meta, err := r.cl.Allocations.Get(ctx, id, q)
		if err != nil {
			return err
		}
		if done, err := wanted(a); done || err != nil {
			return err
		}
		q.WaitIndex = meta.LastIndex
	}
}
