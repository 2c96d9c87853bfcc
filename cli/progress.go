package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
)

// progress is how far a job is on its way to being healthy.
type progress struct {
	followed    uint64 // the job's modify index that is followed
	job         *api.Job
	summary     *api.JobSummary
	allocs      []*api.AllocationListStub
	evals       []*api.Evaluation
	eval        *api.Evaluation // of the submission, if there was one
	deployments []*api.Deployment
	index       uint64
}

// verdict says whether there is nothing more to wait for, and what then is wrong.
func (p *progress) verdict(l ids) (done bool, err error) {
	if e := p.eval; e != nil && e.Status == api.EvalFailed {
		return true, fmt.Errorf("the evaluation failed: %s", e.StatusDescription)
	}
	d := p.deployment()
	if d != nil && !d.Active() && d.Status != api.DeploymentSuccessful && d.Status != api.DeploymentCancelled {
		return true, fmt.Errorf("the rollout ended %s: %s\n%s", d.Status, d.StatusDescription, p.failures(l))
	}
	switch {
	case api.Deref(p.job.JobModifyIndex) != p.followed:
		return true, p.overtaken()
	case p.pending() != nil:
		return false, nil
	case p.job.IsTemplate() || p.job.Stopped():
		return true, nil
	}
	if failed := latestFailure(p.evals); failed != nil && !p.ending() {
		return true, failf(2, "not everything could be placed; it will be when there is room:\n%s",
			strings.TrimRight(failureText(failed.FailedTGAllocs, "  ", true), "\n"))
	}
	if d != nil && d.Active() {
		return len(p.awaitsPromotion()) > 0, nil
	}
	if d != nil && d.Status == api.DeploymentCancelled {
		return true, fmt.Errorf("the rollout was cancelled: %s", d.StatusDescription)
	}
	if p.job.IsBatch() {
		return p.batchVerdict(l)
	}
	return p.serviceVerdict(l)
}

// overtaken says what somebody else did to the job.
func (p *progress) overtaken() error {
	did := fmt.Sprintf("changed by somebody else meanwhile; it is at version %d now", api.Deref(p.job.Version))
	if p.job.Stopped() {
		did = "stopped by somebody else meanwhile"
	}
	return fmt.Errorf("the job was %s\nSee: drover job status %s", did, api.Deref(p.job.ID))
}

// deployment is the rollout of the followed version, if it has one.
func (p *progress) deployment() *api.Deployment {
	for _, d := range p.deployments {
		if d.JobSpecModifyIndex == p.followed {
			return d
		}
	}
	return nil
}

// pending is an evaluation of the job that waits for its turn: until it had it, what
// one sees may be of an earlier version.
func (p *progress) pending() *api.Evaluation {
	for _, e := range p.evals {
		if e.Status == api.EvalPending {
			return e
		}
	}
	return nil
}

// held is what a job that may not begin yet waits for; it is empty if it has begun, or
// nobody has looked yet.
func (p *progress) held() string {
	if p.pending() != nil || !p.job.NeedsAdmission() || api.Deref(p.job.Status) != api.JobStatusPending {
		return ""
	}
	return api.Deref(p.job.StatusDescription)
}

// ending reports whether instances are being stopped, which will make room.
func (p *progress) ending() bool {
	return slices.ContainsFunc(p.allocs, func(a *api.AllocationListStub) bool {
		return a.DesiredStatus != api.AllocDesiredRun &&
			(a.ClientStatus == api.AllocClientRunning || a.ClientStatus == api.AllocClientPending)
	})
}

// current reports whether an allocation is of the job's current version.
func (p *progress) current(a *api.AllocationListStub) bool {
	return a.JobVersion == api.Deref(p.job.Version)
}

func (p *progress) batchVerdict(l ids) (done bool, err error) {
	if api.Deref(p.job.Status) != api.JobStatusDead {
		return false, nil
	}
	for _, a := range p.allocs {
		ended := a.ClientStatus == api.AllocClientFailed || a.ClientStatus == api.AllocClientLost
		if p.current(a) && ended && a.NextAllocation == "" {
			return true, fmt.Errorf("not all instances completed:\n%s", p.failures(l))
		}
	}
	return true, nil
}

func (p *progress) serviceVerdict(l ids) (done bool, err error) {
	missing := map[string]int{}
	for _, g := range p.job.TaskGroups {
		if !p.job.IsSystem() {
			missing[api.Deref(g.Name)] = api.Deref(g.Count)
		}
	}
	for _, a := range p.allocs {
		switch {
		case a.DesiredStatus != api.AllocDesiredRun || a.NextAllocation != "":
		case !p.current(a):
			return false, nil
		case a.ClientStatus == api.AllocClientRunning && !unhealthy(a):
			missing[a.TaskGroup]--
		case a.ClientStatus == api.AllocClientFailed || unhealthy(a):
			return true, fmt.Errorf("an instance failed:\n%s", p.failures(l))
		default:
			return false, nil
		}
	}
	for _, n := range missing {
		if n > 0 {
			return false, nil
		}
	}
	return true, nil
}

func unhealthy(a *api.AllocationListStub) bool {
	return a.DeploymentStatus != nil && a.DeploymentStatus.Healthy != nil && !*a.DeploymentStatus.Healthy
}

// inTrouble reports whether an allocation failed, or restarts a task that failed.
func inTrouble(a *api.AllocationListStub) bool {
	if a.ClientStatus == api.AllocClientFailed || a.ClientStatus == api.AllocClientLost || unhealthy(a) {
		return true
	}
	for _, s := range a.TaskStates {
		if s.Restarts > 0 {
			return true
		}
	}
	return false
}

// culprit is an allocation of the current version that failed, and its task.
func (p *progress) culprit() (*api.AllocationListStub, string) {
	for _, a := range p.allocs {
		if !p.current(a) || !inTrouble(a) {
			continue
		}
		for name, s := range a.TaskStates {
			if s.Failed || s.Restarts > 0 {
				return a, name
			}
		}
	}
	return nil, ""
}

// failures says what the failed allocations of the current version last did.
func (p *progress) failures(l ids) string {
	var b strings.Builder
	more := 0
	for _, a := range p.allocs {
		if !p.current(a) || !inTrouble(a) {
			continue
		}
		if more++; more <= maxTold {
			fmt.Fprintf(&b, "  allocation %s (%s): %s\n", l.of(a.ID), a.Name, lastWords(a))
		}
	}
	if b.Len() == 0 {
		return "See: drover job status " + api.Deref(p.job.ID)
	}
	if more > maxTold {
		fmt.Fprintf(&b, "  and %d more\n", more-maxTold)
	}
	b.WriteString("See: drover alloc status ALLOC, drover alloc logs -stderr ALLOC")
	return b.String()
}

// waitsFor says, when nothing happens, what it is that does not.
func (p *progress) waitsFor() string {
	if e := p.pending(); e != nil {
		return fmt.Sprintf("no server has looked at the job yet (evaluation %s)", shortIDs.of(e.ID))
	}
	if held := p.held(); held != "" {
		return "it " + held
	}
	for _, a := range p.allocs {
		if a.DesiredStatus == api.AllocDesiredRun && p.current(a) && a.ClientStatus == api.AllocClientPending {
			return fmt.Sprintf("allocation %s on node %s has not started: %s", shortIDs.of(a.ID), firstText(a.NodeName, shortIDs.of(a.NodeID)), lastWords(a))
		}
	}
	if p.ending() {
		return "instances that were told to stop still run"
	}
	if d := p.deployment(); d != nil && d.Active() {
		text := "not all instances are healthy yet"
		for _, name := range slices.Sorted(maps.Keys(d.TaskGroups)) {
			if by := d.TaskGroups[name].RequireProgressBy; by != nil && !by.IsZero() {
				text += fmt.Sprintf("; the rollout of group %q fails at %s unless there is progress", name, stampOf(by))
			}
		}
		return text
	}
	if p.job.IsBatch() {
		return "instances run (interrupt this command if you like: they go on)"
	}
	return "instances are still to come up; see drover job status " + api.Deref(p.job.ID)
}

// text is a job's progress in one line.
func (p *progress) text() string {
	if p.job.IsTemplate() {
		return fmt.Sprintf("job %q: %s", api.Deref(p.job.ID), launchesText(p.job, time.Now()))
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(p.summary.Summary)) {
		g := p.summary.Summary[name]
		part := fmt.Sprintf("group %q:", name)
		empty := len(part)
		for _, n := range []struct {
			count int
			what  string
		}{
			{g.Queued, "queued"},
			{g.Starting, "starting"},
			{g.Running, "running"},
			{g.Complete, "complete"},
			{g.Failed, "failed"},
			{g.Lost, "lost"},
		} {
			if n.count > 0 {
				part += fmt.Sprintf(" %d %s", n.count, n.what)
			}
		}
		if len(part) == empty {
			part += " no instances"
		}
		if d := p.deployment(); d != nil && d.TaskGroups[name] != nil {
			part += fmt.Sprintf(", %d/%d healthy", d.TaskGroups[name].HealthyAllocs, d.TaskGroups[name].DesiredTotal)
		}
		parts = append(parts, part)
	}
	return fmt.Sprintf("job %q: %s", api.Deref(p.job.ID), strings.Join(parts, "; "))
}
