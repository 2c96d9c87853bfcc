package deployment

import (
	"fmt"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/health"
)

// Descriptions of deployments that ended.
const (
	successful      = "Deployment completed successfully"
	failedProgress  = "Failed due to progress deadline"
	failedUnhealthy = "Failed due to unhealthy allocations"
)

// view is what one pass over a deployment reads.
type view struct {
	now        time.Time
	deployment *api.Deployment
	instances  []instance
	version    *api.JobVersion                         // that is rolled out; nil if it is gone
	job        *api.Job                                // as it is now; nil if it was purged
	stable     []*api.JobVersion                       // earlier versions that were healthy, latest first
	submission func(version uint64) *api.JobSubmission // what a version was made of, or nil
	pool       func(name string) *api.NodePool         // nil if it is gone
}

// plan is what a pass does.
type plan struct {
	judged     []*api.Allocation // whose health is known now
	deployment *api.Deployment   // as it will be; nil if it stays as it is
	ended      bool
	revert     *api.JobVersion // the version to go back to
	again      time.Time       // when to look again; zero: when something changes
}

// decide judges the instances of a deployment and, by them, the deployment.
func decide(v *view) *plan {
	p := &plan{}
	next := *v.deployment
	next.TaskGroups = make(map[string]*api.DeploymentState, len(v.deployment.TaskGroups))
	tallies := p.judge(v)
	for name, state := range v.deployment.TaskGroups {
		next.TaskGroups[name] = tallies.of(name).apply(state)
	}
	// What one transaction can't write waits until the promotion is written.
	if !p.promote(v, &next, tallies) || len(v.instances) <= maxTxnAllocations {
		p.graduate(v, &next)
		p.conclude(v, &next, tallies)
	}
	if !api.Same(&next, v.deployment) {
		next.ModifyTime = v.now.UnixNano()
		p.deployment = &next
	}
	return p
}

// tally counts the instances of a group.
type tally struct {
	placed, healthy, unhealthy int
	live                       int         // of the healthy ones, those that are to run on
	tried                      int         // of these, canaries
	canaries                   []*instance // all that are on trial, or ended so
	first, last                time.Time   // the first placement, and the latest progress
}

type tallies map[string]*tally

func (t tallies) of(group string) *tally {
	if t[group] == nil {
		t[group] = &tally{}
	}
	return t[group]
}

// judge says which instances are healthy now, and counts them.
func (p *plan) judge(v *view) tallies {
	counts := make(tallies)
	began := time.Unix(0, v.deployment.CreateTime)
	groups := v.groups()
	for n := range v.instances {
		i := &v.instances[n]
		since := began
		if placed := time.Unix(0, i.CreateTime); placed.After(since) {
			since = placed
		}
		verdict := i.known()
		at := v.now
		if i.DeploymentStatus != nil && i.DeploymentStatus.Timestamp != nil {
			at = *i.DeploymentStatus.Timestamp
		}
		if g := groups[i.TaskGroup]; g != nil {
			now, look := i.judge(g, since, v.now)
			p.look(look)
			if now != verdict {
				verdict, at = now, v.now
				p.judged = append(p.judged, i.as(verdict, v))
			}
		}
		t := counts.of(i.TaskGroup)
		t.add(i, verdict, since, at)
		if verdict != i.known() && i.known() == health.Healthy {
			t.progress(v.now)
		}
	}
	return counts
}

// groups returns the groups that are rolled out, by name.
func (v *view) groups() map[string]*api.TaskGroup {
	groups := make(map[string]*api.TaskGroup)
	if v.version == nil {
		return groups
	}
	for _, g := range v.version.Job.TaskGroups {
		if g.Update != nil {
			groups[api.Deref(g.Name)] = g
		}
	}
	return groups
}

// as returns the allocation with its health.
func (i *instance) as(h health.Verdict, v *view) *api.Allocation {
	a := *i.Allocation
	status := api.AllocDeploymentStatus{}
	if a.DeploymentStatus != nil {
		status = *a.DeploymentStatus
	}
	status.Healthy, status.Timestamp = new(h == health.Healthy), new(v.now)
	a.DeploymentStatus = &status
	a.ModifyTime = v.now.UnixNano()
	return &a
}

func (t *tally) add(i *instance, h health.Verdict, since, at time.Time) {
	t.placed++
	if t.first.IsZero() || since.Before(t.first) {
		t.first = since
	}
	canary := i.DeploymentStatus != nil && i.DeploymentStatus.Canary
	if canary {
		t.canaries = append(t.canaries, i)
	}
	switch h {
	case health.Healthy:
		t.healthy++
		t.progress(at)
		if !i.WantsRun() || i.Lost != "" {
			t.progress(time.Unix(0, i.ModifyTime)) // when it left
			return
		}
		t.live++
		if canary {
			t.tried++
		}
	case health.Unhealthy:
		t.unhealthy++
	}
}

// progress notes that an instance became healthy, or that one was until then: whoever
// follows it has a whole progress deadline, too.
func (t *tally) progress(at time.Time) {
	if at.After(t.last) {
		t.last = at
	}
}

// awaits reports whether the canaries of a group are as good as they can be: it waits
// to be promoted.
func (t *tally) awaits(state *api.DeploymentState) bool {
	return state.OnTrial() && t.tried >= state.DesiredCanaries
}

// apply returns the state of a group with what was counted. Every instance that
// becomes healthy gives the next one a whole progress deadline.
func (t *tally) apply(state *api.DeploymentState) *api.DeploymentState {
	next := *state
	next.PlacedAllocs, next.HealthyAllocs, next.UnhealthyAllocs = t.placed, t.healthy, t.unhealthy
	if ids := t.canaryIDs(); state.OnTrial() && len(ids) > 0 {
		next.PlacedCanaries = ids
	}
	if state.ProgressDeadline <= 0 || t.placed == 0 {
		return &next
	}
	by := t.first
	if t.last.After(by) {
		by = t.last
	}
	by = by.Add(state.ProgressDeadline)
	if state.RequireProgressBy == nil || by.After(*state.RequireProgressBy) {
		next.RequireProgressBy = &by
	}
	return &next
}

// conclude says whether the deployment is over.
func (p *plan) conclude(v *view, next *api.Deployment, counts tallies) {
	if v.deployment.Status != api.DeploymentRunning {
		return
	}
	complete := true
	for name, state := range next.TaskGroups {
		t := counts.of(name)
		if t.live >= state.DesiredTotal && !state.OnTrial() {
			continue
		}
		complete = false
		switch {
		case state.ProgressDeadline <= 0 && t.unhealthy > 0:
			p.fail(v, next, failedUnhealthy)
			return
		case t.awaits(state):
		case state.ProgressDeadline <= 0 || state.RequireProgressBy == nil:
		case !state.RequireProgressBy.After(v.now):
			p.fail(v, next, failedProgress)
			return
		default:
			p.look(*state.RequireProgressBy)
		}
	}
	if complete {
		p.ended = true
		next.Status, next.StatusDescription = api.DeploymentSuccessful, successful
	}
}

// fail ends a deployment that went wrong, and goes back to the last stable version
// where that is asked for.
func (p *plan) fail(v *view, next *api.Deployment, why string) {
	p.ended = true
	next.Status, next.StatusDescription = api.DeploymentFailed, why
	for _, state := range next.TaskGroups {
		if state.AutoRevert {
			p.revert, why = v.target()
			next.StatusDescription += why
			return
		}
	}
}

// target returns the version to go back to, or nil, and says so.
func (v *view) target() (*api.JobVersion, string) {
	if v.job == nil || api.Deref(v.job.Version) != v.deployment.JobVersion || len(v.stable) == 0 {
		return nil, " - no stable job version to auto revert to"
	}
	to := v.stable[0]
	n := api.Deref(to.Job.Version)
	if api.SameSpec(to.Job, v.job) {
		return nil, fmt.Sprintf(" - not rolling back to stable job version %d as current job has same specification", n)
	}
	return to, fmt.Sprintf(" - rolling back to job version %d", n)
}

// look notes a moment at which to look again.
func (p *plan) look(at time.Time) {
	if !at.IsZero() && (p.again.IsZero() || at.Before(p.again)) {
		p.again = at
	}
}
