package sim

import (
	"fmt"

	"github.com/droverhq/drover/api"
)

// stoppedForUpdate is what an allocation says that was stopped for a newer version.
const stoppedForUpdate = "alloc is being updated due to job update"

// oneRolloutAtATime: of each job one rollout at most goes on, of its current version.
func oneRolloutAtATime(m *model, changes []change) error {
	for _, c := range changes {
		d, ok := c.new.(*api.Deployment)
		if !ok || !d.Active() {
			continue
		}
		for _, other := range m.jobOf(d.JobID).deployments {
			if other.ID != d.ID && other.Active() {
				return fmt.Errorf("rollouts %s of version %d and %s of version %d of %s both go on", short(other.ID), other.JobVersion, short(d.ID), d.JobVersion, d.JobID)
			}
		}
	}
	return nil
}

// rollout is a group that is rolled out, while that goes on.
type rollout struct {
	job        *jobView
	deployment *api.Deployment
	group      *api.TaskGroup
}

// rollouts returns the groups of a job that are rolled out now.
func (j *jobView) rollouts() []rollout {
	var out []rollout
	for _, d := range j.deployments {
		if !d.Active() || j.job == nil || d.JobVersion != api.Deref(j.job.Version) || d.JobCreateIndex != api.Deref(j.job.CreateIndex) {
			continue
		}
		for name := range d.TaskGroups {
			if g := j.job.Group(name); g != nil && g.Update != nil {
				out = append(out, rollout{j, d, g})
			}
		}
	}
	return out
}

// rolloutsKeepTheirPace: of the instances that took the place of another version's, no
// more than max_parallel are on their way to being healthy.
func rolloutsKeepTheirPace(m *model, changes []change) error {
	for _, a := range created(changes) {
		for _, r := range m.jobOf(a.JobID).rollouts() {
			if *r.group.Name != a.TaskGroup || !m.updates(m.alloc[a.ID]) {
				continue
			}
			if begun, limit := r.begun(m), api.Deref(r.group.Update.MaxParallel); begun > limit {
				return fmt.Errorf("job %s version %d: %d instances of group %s are under way, %d may be", r.job.id, r.deployment.JobVersion, begun, a.TaskGroup, limit)
			}
		}
	}
	return nil
}

func (r rollout) begun(m *model) int {
	n := 0
	for _, a := range r.job.allocs {
		if a.DeploymentID != r.deployment.ID || a.TaskGroup != *r.group.Name || !a.live() || a.canary() || a.judged() || a.CreateIndex < r.deployment.CreateIndex {
			continue
		}
		if m.updates(a) {
			n++
		}
	}
	return n
}

// updates reports whether an allocation took the place of one of another version.
func (m *model) updates(a *allocView) bool {
	prev := m.alloc[a.PreviousAllocation]
	return prev != nil && prev.DesiredDescription == stoppedForUpdate && prev.JobVersion != a.JobVersion
}

// haltedRolloutsGoNoFurther: nothing is placed for a rollout that is paused or has failed,
// but who was lost, failed or left is followed. A system job comes to every node in any
// case.
func haltedRolloutsGoNoFurther(m *model, changes []change) error {
	for _, a := range created(changes) {
		d := m.jobOf(a.JobID).deployments[a.DeploymentID]
		if d == nil || d.Status != api.DeploymentPaused && d.Status != api.DeploymentFailed {
			continue
		}
		if m.updates(m.alloc[a.ID]) || a.PreviousAllocation == "" && a.JobType != api.JobTypeSystem {
			return fmt.Errorf("%s (%s) is placed for a rollout that is %s", a.Name, short(a.ID), d.Status)
		}
	}
	return nil
}

// judged reports whether the health of an allocation was said.
func (a *allocView) judged() bool {
	return a.DeploymentStatus != nil && a.DeploymentStatus.Healthy != nil
}

func (a *allocView) healthy() bool { return a.judged() && *a.DeploymentStatus.Healthy }

// up reports whether an allocation serves: it runs, or is restarted on its node, and if a
// rollout that is not over began it, it was found healthy.
func (a *allocView) up() bool {
	if !a.live() || a.status == nil || a.status.ClientStatus != api.AllocClientRunning && !a.restarting() {
		return false
	}
	d := a.job.deployments[a.DeploymentID]
	return d == nil || !d.Active() || a.CreateIndex < d.CreateIndex || a.healthy()
}

func (a *allocView) restarting() bool {
	for _, t := range a.status.TaskStates {
		if t.Restarts > 0 && t.State == api.TaskStatePending {
			return true
		}
	}
	return false
}

// updatesLeaveEnoughUp: an instance that serves is stopped for a newer version only
// while count − max_parallel others serve.
func updatesLeaveEnoughUp(m *model, changes []change) error {
	stopped := make(map[*jobView]map[string]bool)
	for _, c := range changes {
		a, ok := c.new.(*api.Allocation)
		old, had := c.old.(*api.Allocation)
		if !ok || !had || !old.WantsRun() || a.WantsRun() || a.DesiredDescription != stoppedForUpdate {
			continue
		}
		was := *m.alloc[a.ID]
		was.Allocation = old
		if !was.up() || was.restarting() || old.DeploymentID != "" && !was.healthy() {
			continue // not known to serve
		}
		j := m.jobOf(a.JobID)
		if stopped[j] == nil {
			stopped[j] = make(map[string]bool)
		}
		stopped[j][a.TaskGroup] = true
	}
	for j, groups := range stopped {
		for name := range groups {
			if err := j.leavesEnough(name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (j *jobView) leavesEnough(name string) error {
	if j.job == nil || j.job.IsSystem() {
		return nil
	}
	g := j.job.Group(name)
	if g == nil || g.Update == nil {
		return nil
	}
	up := 0
	for _, a := range j.allocs {
		if a.TaskGroup == name && a.up() {
			up++
		}
	}
	if least := api.Deref(g.Count) - api.Deref(g.Update.MaxParallel); up < least {
		return fmt.Errorf("job %s: an instance of %s is stopped for version %d while %d others serve, %d must", j.id, name, api.Deref(j.job.Version), up, least)
	}
	return nil
}

// rolloutsCountRight: what a rollout that goes on says of its groups is so.
func rolloutsCountRight(m *model) error {
	for _, j := range m.jobs {
		for _, d := range j.deployments {
			if !d.Active() {
				continue
			}
			for name, state := range d.TaskGroups {
				placed, healthy, unhealthy := 0, 0, 0
				for _, a := range j.allocs {
					if a.DeploymentID != d.ID || a.TaskGroup != name {
						continue
					}
					placed++
					switch {
					case !a.judged():
					case a.healthy():
						healthy++
					default:
						unhealthy++
					}
				}
				if placed != state.PlacedAllocs || healthy != state.HealthyAllocs || unhealthy != state.UnhealthyAllocs {
					return fmt.Errorf("rollout %s of %s says of %s that %d are placed, %d healthy, %d unhealthy; there are %d, %d, %d", short(d.ID), j.id, name,
						state.PlacedAllocs, state.HealthyAllocs, state.UnhealthyAllocs, placed, healthy, unhealthy)
				}
			}
		}
	}
	return nil
}

// revertsDoNotLoop: after a user's last word controllers go back to another version
// once at most.
func revertsDoNotLoop(m *model, changes []change) error {
	for _, c := range changes {
		j, ok := c.new.(*api.Job)
		if !ok {
			continue
		}
		view := m.jobOf(*j.ID)
		if c.who == user || c.old == nil {
			view.reverts = 0
			continue
		}
		if view.reverts++; view.reverts > 1 {
			return fmt.Errorf("job %s is reverted for the %d. time, to version %d, and nobody asked for any of it", *j.ID, view.reverts, api.Deref(j.Version))
		}
	}
	return nil
}

// failuresAreReplacedByPolicy: an instance that failed is replaced when its policy's
// delay is over and attempts are left, and the history goes with it.
func failuresAreReplacedByPolicy(m *model, changes []change) error {
	for _, a := range created(changes) {
		prev := m.alloc[a.PreviousAllocation]
		if prev == nil || prev.status == nil || prev.status.ClientStatus != api.AllocClientFailed || len(events(a)) == 0 {
			continue
		}
		if last := events(a)[len(events(a))-1]; last.PrevAllocID != prev.ID {
			continue // not replaced because it failed
		}
		if api.Deref(prev.DesiredTransition.ForceReschedule) {
			continue
		}
		version := m.jobOf(a.JobID).versions[prev.JobVersion]
		if version == nil || version.Job.Group(a.TaskGroup) == nil {
			continue
		}
		failed := prev.status.EndedAt()
		delay, ok := version.Job.Group(a.TaskGroup).ReschedulePolicy.Next(prev.RescheduleTracker, failed)
		now := m.world.leader.Now()
		if !ok {
			return fmt.Errorf("%s (%s) is replaced by %s, and its policy has no attempts left after %d", a.Name, short(prev.ID), short(a.ID), len(events(prev.Allocation)))
		}
		if now.Before(failed.Add(delay)) && !m.world.skewed() {
			return fmt.Errorf("%s (%s) failed %v ago and is replaced, its policy says after %v", a.Name, short(prev.ID), now.Sub(failed), delay)
		}
	}
	return nil
}

func events(a *api.Allocation) []*api.RescheduleEvent {
	if a.RescheduleTracker == nil {
		return nil
	}
	return a.RescheduleTracker.Events
}
