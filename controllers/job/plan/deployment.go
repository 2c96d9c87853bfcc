package plan

import (
	"github.com/droverhq/drover/api"
)

// Descriptions of deployments that this controller begins and ends.
const (
	deploymentSuperseded = "Cancelled due to newer version of job"
	deploymentStopped    = "Cancelled because job is stopped"
)

// goesOn reports whether a rollout may place and replace instances.
func goesOn(d *api.Deployment) bool {
	return d.Status == api.DeploymentRunning || d.Status == api.DeploymentSuccessful
}

// retire cancels the rollouts of other versions, and all if the job is stopped. It
// returns the deployment of the current version, if there is one.
func (p *Plan) retire(v *View) *api.Deployment {
	var current *api.Deployment
	for _, d := range v.deployments {
		if v.rollsOut(d) && (current == nil || current.CreateIndex < d.CreateIndex) {
			current = d
		}
	}
	for _, d := range v.deployments {
		if d == current || !d.Active() {
			continue
		}
		ended := *d
		ended.Status = api.DeploymentCancelled
		ended.ModifyTime = v.Now.UnixNano()
		ended.StatusDescription = deploymentSuperseded
		if v.Stopped() {
			ended.StatusDescription = deploymentStopped
		}
		p.Cancelled = append(p.Cancelled, &ended)
	}
	return current
}

// rollsOut reports whether a deployment is of the current version of a job that
// should run.
func (v *View) rollsOut(d *api.Deployment) bool {
	return !v.Stopped() && d.JobVersion == v.Current() &&
		d.JobCreateIndex == api.Deref(v.Job.CreateIndex) && d.Status != api.DeploymentCancelled
}

// start begins the rollout of a version that has none, if any group that is rolled
// out step by step changes with it.
func (p *Plan) start(v *View, tallies []*tally, newID func() string) *api.Deployment {
	groups := make(map[string]*api.DeploymentState)
	for _, t := range tallies {
		changes := len(t.inPlace)+len(t.destructive) > 0
		if !rolls(v.Job, t.group) || t.due(nil) == 0 || (t.begun && !changes) {
			continue
		}
		u := t.group.Update
		groups[t.name] = &api.DeploymentState{
			AutoRevert:       api.Deref(u.AutoRevert),
			AutoPromote:      api.Deref(u.AutoPromote),
			ProgressDeadline: api.Deref(u.ProgressDeadline),
			DesiredCanaries:  t.desiredCanaries(v),
			DesiredTotal:     t.due(nil),
		}
	}
	if len(groups) == 0 {
		return nil
	}
	index := api.Deref(v.Job.JobModifyIndex)
	p.Fresh = true
	d := &api.Deployment{
		ID:                 newID(),
		Namespace:          v.Req.Namespace,
		JobID:              v.Req.ID,
		JobVersion:         v.Current(),
		JobModifyIndex:     index,
		JobSpecModifyIndex: index,
		JobCreateIndex:     api.Deref(v.Job.CreateIndex),
		TaskGroups:         groups,
		Status:             api.DeploymentRunning,
		EvalPriority:       api.Deref(v.Job.Priority),
		CreateTime:         v.Now.UnixNano(),
		ModifyTime:         v.Now.UnixNano(),
	}
	d.StatusDescription = d.RunningDescription()
	return d
}

// revise follows the number of instances that the current version is to have: nodes of a
// system job come and go, and who failed for good may come back.
func (p *Plan) revise(v *View, current *api.Deployment, tallies []*tally) *api.Deployment {
	if !current.Active() {
		return current
	}
	revised := *current
	revised.TaskGroups = make(map[string]*api.DeploymentState, len(current.TaskGroups))
	for name, state := range current.TaskGroups {
		revised.TaskGroups[name] = state
	}
	for _, t := range tallies {
		state := revised.TaskGroups[t.name]
		if state == nil {
			continue
		}
		changed := *state
		changed.DesiredTotal = t.due(current)
		if v.Job.IsSystem() && state.OnTrial() {
			placed := state.DesiredCanaries - t.canariesLeft(current)
			changed.DesiredCanaries = min(state.DesiredCanaries, placed+len(t.destructive))
		}
		if changed.DesiredTotal != state.DesiredTotal || changed.DesiredCanaries != state.DesiredCanaries {
			revised.TaskGroups[t.name] = &changed
			p.Revised = true
		}
	}
	if !p.Revised {
		return current
	}
	return &revised
}

// DeploymentOf returns the ID of the deployment that instances of the current version
// of a group belong to; empty if there is none.
func (p *Plan) DeploymentOf(group string) string {
	if p.Rollout == nil || p.Rollout.TaskGroups[group] == nil {
		return ""
	}
	return p.Rollout.ID
}
