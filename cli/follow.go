package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

// progress is how far a job is on its way to being healthy.
type progress struct {
	job        *api.Job
	summary    *api.JobSummary
	deployment *api.Deployment
	allocs     []*api.AllocationListStub
	failed     map[string]*api.AllocationMetric
	index      uint64
}

// follow shows a job's progress until it is healthy or complete (nil), has failed, or
// can't be placed (exit code 2).
func (a *applier) follow(ctx context.Context, job *parsedJob, evalID string) error {
	if a.detach {
		return nil
	}
	id, q := api.Deref(job.Job.ID), client.Query{Namespace: api.Deref(job.Job.Namespace)}
	if evalID != "" {
		if err := a.evaluated(ctx, evalID); err != nil {
			return err
		}
	}
	show := &progressLine{cli: a.cli}
	defer show.end()
	for {
		p, err := a.progress(ctx, id, q)
		if err != nil {
			return err
		}
		done, err := p.verdict(a.ids)
		show.set(p.text())
		if done {
			show.end()
			return err
		}
		// Anything about the job's allocations may be news.
		q.WaitIndex, q.WaitTime = p.index, followWait
		if _, _, err := a.cl.Jobs.Allocations(ctx, id, false, q); err != nil {
			return fmt.Errorf("follow job %q: %w", id, err)
		}
		q.WaitIndex, q.WaitTime = 0, 0
	}
}

// followWait is how long one waits for news of allocations before looking at the
// rest, too.
const followWait = time.Second

// evaluated waits for the pass over the job that its submission asked for.
func (a *applier) evaluated(ctx context.Context, evalID string) error {
	q := client.Query{Namespace: "*"}
	for {
		e, meta, err := a.cl.Evaluations.Get(ctx, evalID, q)
		if err != nil {
			return fmt.Errorf("follow evaluation: %w", err)
		}
		if e.Status == api.EvalFailed {
			return fmt.Errorf("the evaluation failed: %s", e.StatusDescription)
		}
		if e.Status != api.EvalPending {
			return nil
		}
		q.WaitIndex = meta.LastIndex
	}
}

func (a *applier) progress(ctx context.Context, id string, q client.Query) (*progress, error) {
	p := new(progress)
	var errs [5]error
	var meta api.QueryMeta
	p.allocs, meta, errs[0] = a.cl.Jobs.Allocations(ctx, id, false, q)
	p.index = meta.LastIndex
	p.job, _, errs[1] = a.cl.Jobs.Get(ctx, id, q)
	p.summary, _, errs[2] = a.cl.Jobs.Summary(ctx, id, q)
	p.deployment, _, errs[3] = a.cl.Jobs.LatestDeployment(ctx, id, q)
	evals, _, err := a.cl.Jobs.Evaluations(ctx, id, q)
	errs[4] = err
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("follow job %q: %w", id, err)
	}
	if e := latestFailure(evals); e != nil {
		p.failed = e.FailedTGAllocs
	}
	return p, nil
}

// verdict says whether there is nothing more to wait for, and what then is wrong.
func (p *progress) verdict(l ids) (done bool, err error) {
	if len(p.failed) > 0 {
		return true, failf(2, "not everything could be placed; it will be when there is room:\n%s", strings.TrimRight(failureText(p.failed, "  ", true), "\n"))
	}
	if p.job.IsTemplate() || p.job.Stopped() {
		return true, nil
	}
	if d := p.deployment; d != nil && d.JobVersion == api.Deref(p.job.Version) && d.Active() {
		return false, nil
	} else if d != nil && d.JobVersion == api.Deref(p.job.Version) && d.Status != api.DeploymentSuccessful {
		return true, fmt.Errorf("the rollout ended %s: %s\n%s", d.Status, d.StatusDescription, p.failures(l))
	}
	if p.job.IsBatch() {
		return p.batchVerdict(l)
	}
	return p.serviceVerdict(l)
}

func (p *progress) batchVerdict(l ids) (done bool, err error) {
	if api.Deref(p.job.Status) != api.JobStatusDead {
		return false, nil
	}
	for _, g := range p.summary.Summary {
		if g.Failed+g.Lost > 0 && p.unreplaced() > 0 {
			return true, fmt.Errorf("not all instances completed:\n%s", p.failures(l))
		}
	}
	return true, nil
}

// unreplaced counts allocations that failed and have no successor.
func (p *progress) unreplaced() int {
	n := 0
	for _, a := range p.allocs {
		if (a.ClientStatus == api.AllocClientFailed || a.ClientStatus == api.AllocClientLost) && a.NextAllocation == "" {
			n++
		}
	}
	return n
}

func (p *progress) serviceVerdict(l ids) (done bool, err error) {
	running, waiting := 0, 0
	for _, a := range p.allocs {
		switch {
		case a.DesiredStatus != api.AllocDesiredRun:
		case a.ClientStatus == api.AllocClientRunning:
			running++
		case a.ClientStatus == api.AllocClientFailed && a.NextAllocation == "":
			return true, fmt.Errorf("an instance failed:\n%s", p.failures(l))
		default:
			waiting++
		}
	}
	wanted := 0
	for _, g := range p.job.TaskGroups {
		wanted += api.Deref(g.Count)
	}
	if api.Deref(p.job.Type) == api.JobTypeSystem {
		wanted = running
	}
	return waiting == 0 && running >= wanted, nil
}

// failures says what the failed allocations last did.
func (p *progress) failures(l ids) string {
	var b strings.Builder
	for _, a := range p.allocs {
		unhealthy := a.DeploymentStatus != nil && a.DeploymentStatus.Healthy != nil && !*a.DeploymentStatus.Healthy
		if unhealthy || a.ClientStatus == api.AllocClientFailed {
			fmt.Fprintf(&b, "  allocation %s (%s): %s\n", l.of(a.ID), a.Name, lastWords(a))
		}
	}
	if b.Len() == 0 {
		return "See: drover job status " + api.Deref(p.job.ID)
	}
	b.WriteString("See: drover alloc status ALLOC, drover alloc logs -stderr ALLOC")
	return b.String()
}

// text is a job's progress in one line.
func (p *progress) text() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(p.summary.Summary)) {
		g := p.summary.Summary[name]
		part := fmt.Sprintf("group %q:", name)
		for _, n := range []struct {
			count int
			what  string
		}{
			{g.Queued, "queued"}, {g.Starting, "starting"}, {g.Running, "running"},
			{g.Complete, "complete"}, {g.Failed, "failed"}, {g.Lost, "lost"},
		} {
			if n.count > 0 {
				part += fmt.Sprintf(" %d %s", n.count, n.what)
			}
		}
		if d := p.deployment; d != nil && d.JobVersion == api.Deref(p.job.Version) && d.TaskGroups[name] != nil {
			part += fmt.Sprintf(", %d/%d healthy", d.TaskGroups[name].HealthyAllocs, d.TaskGroups[name].DesiredTotal)
		}
		parts = append(parts, part)
	}
	return fmt.Sprintf("job %q: %s", api.Deref(p.job.ID), strings.Join(parts, "; "))
}

// progressLine shows a line that changes: drawn over on a terminal, otherwise
// printed anew when it has changed.
type progressLine struct {
	*cli
	shown string
	open  bool
}

func (l *progressLine) set(text string) {
	if text == l.shown {
		return
	}
	l.shown = text
	if !l.Terminal {
		fmt.Fprintln(l.Out, text)
		return
	}
	fmt.Fprintf(l.Out, "\r\x1b[K%s", text)
	l.open = true
}

// end leaves the line standing.
func (l *progressLine) end() {
	if l.open {
		fmt.Fprintln(l.Out)
		l.open = false
	}
}
