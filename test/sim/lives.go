package sim

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// dispatch has a parameterized job make a child: dispatch d1.
func (w *World) dispatch(o Op) bool {
	if j := w.model.job(o.target()); j == nil || j.ParameterizedJob == nil {
		return false
	}
	return w.ask(http.MethodPut, "job/"+url.PathEscape(o.target())+"/dispatch", api.JobDispatchRequest{Priority: o.int("priority", 0)})
}

// live sets what a job lives by, as the letter of its name says: (p)eriodic,
// (d)ispatched, or (w)aiting for another one.
func live(o Op, j *api.Job) {
	switch o.target()[0] {
	case 'p':
		j.Periodic = &api.PeriodicConfig{Enabled: new(true), SpecType: new("cron"), Spec: new("*/20 * * * *"), ProhibitOverlap: new(o.has("no_overlap"))}
	case 'd':
		j.ParameterizedJob = &api.ParameterizedJobConfig{Payload: "optional"}
		if n := o.int("concurrent", 0); n > 0 {
			j.ParameterizedJob.MaxConcurrent = &n
		}
	case 'w':
		j.DependsOn = []*api.JobDependency{{Job: "b1", Condition: o.value("when")}}
	}
}

// oldVersionsWaitForPromotion: while canaries are on trial, no instance of another version
// that serves is stopped for the new one.
func oldVersionsWaitForPromotion(m *model, changes []change) error {
	for _, c := range changes {
		a, ok := c.new.(*api.Allocation)
		old, had := c.old.(*api.Allocation)
		if !ok || !had || !old.WantsRun() || a.WantsRun() || a.DesiredDescription != stoppedForUpdate {
			continue
		}
		j := m.jobOf(a.JobID)
		if j.job == nil || j.job.IsSystem() || a.JobVersion == *j.job.Version {
			continue
		}
		for _, r := range j.rollouts() {
			if s := r.deployment.TaskGroups[a.TaskGroup]; *r.group.Name == a.TaskGroup && s.DesiredCanaries > 0 && !s.Promoted {
				return fmt.Errorf("%s of version %d is stopped for version %d, whose canaries are not promoted", a.Name, a.JobVersion, *j.job.Version)
			}
		}
	}
	return nil
}

// drainsLeaveEnoughUp: an instance that serves is told to leave a draining node, before the
// deadline, only while count − max_parallel others serve, as far as the controllers
// could know.
func drainsLeaveEnoughUp(m *model, changes []change) error {
	for _, c := range changes {
		a, ok := c.new.(*api.Allocation)
		old, had := c.old.(*api.Allocation)
		if !ok || !had || api.Deref(old.DesiredTransition.MigrateWhenPlaced) || !api.Deref(a.DesiredTransition.MigrateWhenPlaced) {
			continue
		}
		mine := m.alloc[a.ID]
		if mine.job.job == nil || !mine.up() || mine.canary() || mine.placedUnjudged() {
			continue // not known to serve
		}
		g, now := mine.job.job.Group(a.TaskGroup), m.world.leader.Now()
		if g == nil || g.Migrate == nil || api.Deref(g.Count) < 2 {
			continue
		}
		if least := api.Deref(g.Migrate.MinHealthyTime); !mine.ranFor(least, now) || !mine.answers(now.Add(-least)) {
			continue // not known to serve
		}
		up, raced := 0, false
		for _, other := range mine.job.allocs {
			raced = raced || other != mine && m.news(other)
			if other.TaskGroup == a.TaskGroup && other.up() && other.answers(far) && !other.canary() && !api.Deref(other.DesiredTransition.Migrate) {
				up++
			}
		}
		if least := *g.Count - api.Deref(g.Migrate.MaxParallel); up < least && !raced {
			return fmt.Errorf("%s leaves its node while %d others serve, %d must", a.Name, up, least)
		}
	}
	return nil
}

// placedUnjudged reports whether a rollout placed an allocation and has not called it
// healthy. One that was raised where it is served before.
func (a *allocView) placedUnjudged() bool {
	d := a.job.deployments[a.DeploymentID]
	return a.DeploymentID != "" && !a.healthy() && (d == nil || a.CreateIndex >= d.CreateIndex)
}

// ranFor reports whether all tasks of an allocation have run for some time.
func (a *allocView) ranFor(d time.Duration, now time.Time) bool {
	for _, t := range a.status.TaskStates {
		if t.StartedAt == nil || now.Sub(*t.StartedAt) < d {
			return false
		}
	}
	return true
}

// launchesAreMadeOnce: no launch of a periodic job is made twice, nor one while an earlier
// one goes on that must not overlap with it.
func launchesAreMadeOnce(m *model, changes []change) error {
	for _, c := range changes {
		child, ok := c.new.(*api.Job)
		if !ok || c.old != nil || c.who == user || !strings.Contains(*child.ID, "/periodic-") {
			continue
		}
		if m.launched[*child.ID] {
			return fmt.Errorf("%s is launched twice", *child.ID)
		}
		m.launched[*child.ID] = true
		parent := m.job(*child.ParentID)
		if parent == nil || parent.Periodic == nil || !api.Deref(parent.Periodic.ProhibitOverlap) {
			continue
		}
		for id, other := range m.jobs {
			if id != *child.ID && other.childOf(*parent.ID) && other.goesOn() {
				return fmt.Errorf("%s is launched while %s goes on", *child.ID, id)
			}
		}
	}
	return nil
}

func (j *jobView) childOf(parent string) bool {
	return j.job != nil && api.Deref(j.job.ParentID) == parent
}

// goesOn reports whether something of a job runs, or is to.
func (j *jobView) goesOn() bool {
	return !j.job.Stopped() && (j.status == nil || j.status.Status != api.JobStatusDead)
}

// admittedInTurn: no more children of a job are let in than may run at once, and a job is
// let in that depends on another one when that has ended.
func admittedInTurn(m *model, changes []change) error {
	for _, c := range changes {
		now, ok := c.new.(*api.JobAdmission)
		if before, had := c.old.(*api.JobAdmission); !ok || !now.Admitted || had && before.Admitted {
			continue
		}
		j := m.jobOf(now.JobID)
		if j.job == nil {
			continue
		}
		for _, d := range j.job.DependsOn {
			if other := m.jobs[d.Job]; other != nil && other.job != nil && other.goesOn() && other.status != nil && other.status.ModifyIndex <= m.world.basis {
				return fmt.Errorf("%s is let in while %s goes on", j.id, d.Job)
			}
		}
		parent := m.job(api.Deref(j.job.ParentID))
		if parent == nil || parent.ParameterizedJob == nil || parent.ParameterizedJob.MaxConcurrent == nil {
			continue
		}
		in := 0
		for _, other := range m.jobs {
			if other.childOf(*parent.ID) && other.goesOn() && m.admitted(other) {
				in++
			}
		}
		if most := *parent.ParameterizedJob.MaxConcurrent; in > most {
			return fmt.Errorf("%d children of %s are let in, %d may run at once", in, *parent.ID, most)
		}
	}
	return nil
}

// waits reports whether a job has to be let in.
func (j *jobView) waits() bool {
	return len(j.job.DependsOn) > 0 || strings.Contains(j.id, "/dispatch-")
}

func (m *model) admitted(j *jobView) bool {
	a, ok := store.Get[*api.JobAdmission](m.world.store.Snapshot(), api.JobAdmissionKey(api.DefaultNamespace, j.id))
	return ok && a.Admitted && a.JobCreateIndex == api.Deref(j.job.CreateIndex)
}

// whoWaitsHasNoInstances: nothing is placed of a job that has to wait for others.
func whoWaitsHasNoInstances(m *model, changes []change) error {
	for _, a := range created(changes) {
		j := m.jobOf(a.JobID)
		if j.job == nil || len(j.job.DependsOn) == 0 {
			continue
		}
		if !m.admitted(j) {
			return fmt.Errorf("%s is placed, and its job was not let in", a.Name)
		}
	}
	return nil
}
