package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

// heldBack reports whether the deployment that made an instance which failed keeps it
// from being replaced: one that goes on, or has failed itself.
func heldBack(ctx context.Context, cl *client.Client, a *api.Allocation) (bool, error) {
	if a.DeploymentID == "" || a.ClientStatus != api.AllocClientFailed || !a.WantsRun() {
		return false, nil
	}
	d, _, err := cl.Deployments.Get(ctx, a.DeploymentID, client.Query{Namespace: a.Namespace})
	var status *client.StatusError
	switch {
	case errors.As(err, &status) && status.Code == 404: // it is over, and collected
		return false, nil
	case err != nil:
		return false, fmt.Errorf("Error querying deployment: %w", err)
	}
	return d.Active() || d.Status == api.DeploymentFailed, nil
}

// eligibility is in how long an instance that failed is going to be replaced; empty if
// it is not, or could be by now.
func eligibility(a *api.Allocation, now time.Time) string {
	if a.ClientStatus != api.AllocClientFailed || !a.WantsRun() || a.NextAllocation != "" || a.Job == nil || a.Job.Stopped() {
		return ""
	}
	g := a.Job.Group(a.TaskGroup)
	if g == nil {
		return ""
	}
	failed := (&api.AllocationStatus{TaskStates: a.TaskStates, ModifyTime: a.ModifyTime}).EndedAt()
	delay, ok := g.ReschedulePolicy.Next(a.RescheduleTracker, failed)
	if left := failed.Add(delay).Sub(now); ok && left > 0 {
		return brief(left) + " from now"
	}
	return ""
}
