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

// monitor follows evaluations and deployments and prints what happens to them.
type monitor struct {
	*cli
	cl   *client.Client
	ids  ids
	seen map[string]bool // allocations that were told of
}

func (c *cli) monitor(cl *client.Client, l ids) *monitor {
	return &monitor{cli: c, cl: cl, ids: l, seen: map[string]bool{}}
}

func (m *monitor) headline(format string, args ...any) {
	fmt.Fprintf(m.Out, "==> %s: %s\n", time.Now().Format(timeFormat), fmt.Sprintf(format, args...))
}

func (m *monitor) line(format string, args ...any) {
	fmt.Fprintf(m.Out, "    %s: %s\n", time.Now().Format(timeFormat), fmt.Sprintf(format, args...))
}

// follow follows an evaluation and then the deployment that it belongs to, if any.
// The error has the exit code: 2 if something could not be placed, 1 if the
// deployment was not successful.
func (m *monitor) follow(ctx context.Context, evalID string) error {
	e, err := m.evaluation(ctx, evalID)
	if err != nil || e.DeploymentID == "" {
		return err
	}
	return m.deployment(ctx, e.DeploymentID)
}

// evaluation follows an evaluation to its end.
func (m *monitor) evaluation(ctx context.Context, id string) (*api.Evaluation, error) {
	m.headline("Monitoring evaluation %q", m.ids.of(id))
	status, deployment := "", ""
	q := client.Query{Namespace: "*"}
	for {
		e, meta, err := m.cl.Evaluations.Get(ctx, id, q)
		if err != nil {
			return nil, fmt.Errorf("Error reading evaluation: %w", err)
		}
		if status == "" {
			m.triggered(e)
			status = api.EvalPending
		}
		if err := m.placed(ctx, e, &deployment); err != nil {
			return nil, err
		}
		if e.Status != status {
			m.line("Evaluation status changed: %q -> %q", status, e.Status)
			status = e.Status
		}
		if e.Terminal() || e.Status == api.EvalBlocked {
			return e, m.finished(e)
		}
		q.WaitIndex = meta.LastIndex
	}
}

func (m *monitor) triggered(e *api.Evaluation) {
	switch {
	case e.NodeID != "":
		m.line("Evaluation triggered by node %q", m.ids.of(e.NodeID))
	case e.JobID != "":
		m.line("Evaluation triggered by job %q", e.JobID)
	}
}

// placed tells of the evaluation's deployment and of allocations not told of yet. Until
// it is answered nothing is said: which deployment they belong to is known then.
func (m *monitor) placed(ctx context.Context, e *api.Evaluation, deployment *string) error {
	if e.Status == api.EvalPending {
		return nil
	}
	allocs, _, err := m.cl.Evaluations.Allocations(ctx, e.ID, client.Query{Namespace: e.Namespace})
	if err != nil {
		return fmt.Errorf("Error reading allocations: %w", err)
	}
	if e.DeploymentID != *deployment {
		*deployment = e.DeploymentID
		m.line("Evaluation within deployment: %q", m.ids.of(e.DeploymentID))
	}
	slices.SortFunc(allocs, func(a, b *api.AllocationListStub) int { return int(a.CreateIndex) - int(b.CreateIndex) })
	for _, a := range allocs {
		if m.seen[a.ID] {
			continue
		}
		m.seen[a.ID] = true
		verb := "created"
		if a.CreateIndex < e.CreateIndex {
			verb = "modified"
		}
		m.line("Allocation %q %s: node %q, group %q", m.ids.of(a.ID), verb, m.ids.of(a.NodeID), a.TaskGroup)
	}
	return nil
}

func (m *monitor) finished(e *api.Evaluation) error {
	m.headline("Evaluation %q finished with status %q", m.ids.of(e.ID), e.Status)
	if e.Status == api.EvalFailed {
		return failf(1, "The evaluation failed: %s", firstText(e.StatusDescription, "no reason given"))
	}
	if len(e.FailedTGAllocs) == 0 {
		return nil
	}
	m.headline("Failed to place all allocations:")
	fmt.Fprint(m.Out, failureText(e.FailedTGAllocs, "    ", true))
	if e.BlockedEval != "" {
		m.line("Evaluation %q waiting for additional capacity to place remainder", m.ids.of(e.BlockedEval))
	}
	return exit(2)
}

// deployment follows a deployment to its end.
func (m *monitor) deployment(ctx context.Context, id string) error {
	m.headline("Monitoring deployment %q", m.ids.of(id))
	shown := ""
	q := client.Query{Namespace: "*"}
	for {
		d, meta, err := m.cl.Deployments.Get(ctx, id, q)
		if err != nil {
			return fmt.Errorf("Error reading deployment: %w", err)
		}
		if text := deploymentText(d, m.ids, true); text != shown {
			m.redraw(shown)
			fmt.Fprintf(m.Out, "    \n%s\n%s", time.Now().Format(timeFormat), text)
			shown = text
		}
		if !d.Active() {
			return m.outcome(ctx, d)
		}
		q.WaitIndex = meta.LastIndex
	}
}

// redraw goes back, on a terminal, to where a deployment was shown, so that the next
// text takes the place of that one. Elsewhere one follows the other.
func (m *monitor) redraw(shown string) {
	if m.Terminal && shown != "" {
		lines := strings.Count(shown, "\n") + 2 // with the line of the time and the empty one
		fmt.Fprintf(m.Out, "\x1b[%dA\x1b[J", lines)
	}
}

// outcome is nil for a successful deployment and otherwise says what went wrong.
func (m *monitor) outcome(ctx context.Context, d *api.Deployment) error {
	if d.Status == api.DeploymentSuccessful {
		return nil
	}
	if d.Status != api.DeploymentFailed {
		return exit(1)
	}
	reasons, err := m.failures(ctx, d)
	if err != nil {
		return errors.Join(exit(1), err)
	}
	return failf(1, "\nThe rollout failed: %s\n%s", d.StatusDescription, reasons)
}

// failures says what the unhealthy allocations of a deployment last did.
func (m *monitor) failures(ctx context.Context, d *api.Deployment) (string, error) {
	allocs, _, err := m.cl.Deployments.Allocations(ctx, d.ID, client.Query{Namespace: d.Namespace})
	if err != nil {
		return "", fmt.Errorf("Error reading allocations: %w", err)
	}
	text := ""
	for _, a := range allocs {
		unhealthy := a.DeploymentStatus != nil && a.DeploymentStatus.Healthy != nil && !*a.DeploymentStatus.Healthy
		if unhealthy || a.ClientStatus == api.AllocClientFailed {
			text += fmt.Sprintf("  allocation %s (%s): %s\n", m.ids.of(a.ID), a.Name, lastWords(a))
			if text, err = m.addFailingChecks(ctx, text, a); err != nil {
				return "", err
			}
		}
	}
	if text != "" {
		text += "See: drover alloc status ALLOC, drover alloc logs -stderr ALLOC"
	}
	return text, nil
}

// lastWords is the latest event of an allocation's tasks.
func lastWords(a *api.AllocationListStub) string {
	latest := &api.TaskEvent{DisplayMessage: firstText(a.ClientDescription, a.ClientStatus)}
	task := ""
	for name, s := range a.TaskStates {
		for _, e := range s.Events {
			if e.Time > latest.Time && (e.Type == api.EventTerminated || e.Type == api.EventDriverFailure || e.Type == api.EventSetupFailure) {
				latest, task = e, name
			}
		}
	}
	if task == "" {
		return latest.DisplayMessage
	}
	return fmt.Sprintf("task %s: %s, %s", task, latest.Type, latest.DisplayMessage)
}
