package sim

import (
	"fmt"
	"time"

	"github.com/droverhq/drover/api"
)

// healthIsEarned: an instance is called healthy when its tasks have run, and where checks
// count those have passed, for as long as its rollout asks for.
func healthIsEarned(m *model, changes []change) error {
	for _, c := range changes {
		a, ok := c.new.(*api.Allocation)
		if !ok || byHand(c.who) || m.world.arriving {
			continue
		}
		mine := m.alloc[a.ID]
		if old, had := c.old.(*api.Allocation); !mine.healthy() || had && (&allocView{Allocation: old}).healthy() {
			continue
		}
		d := mine.job.deployments[a.DeploymentID]
		if d == nil || m.news(mine) && mine.status != nil && mine.status.ModifyIndex > m.world.basis {
			continue // its node said something else meanwhile
		}
		v := mine.job.versions[d.JobVersion]
		if v == nil || v.Job.Group(a.TaskGroup) == nil {
			continue
		}
		if err := mine.earned(v.Job.Group(a.TaskGroup), d, m.world.leader.Now(), m.world.skewed()); err != nil {
			return fmt.Errorf("%s (%s) is called healthy: %w", a.Name, short(a.ID), err)
		}
	}
	return nil
}

// earned says what speaks against an instance being healthy. Where clocks differ, times
// are not compared.
func (a *allocView) earned(g *api.TaskGroup, d *api.Deployment, now time.Time, skewed bool) error {
	if a.status == nil || a.status.ClientStatus != api.AllocClientRunning {
		return fmt.Errorf("it does not run")
	}
	least := api.Deref(g.Update.MinHealthyTime)
	early := func(since time.Time) bool { return !skewed && now.Before(since.Add(least)) }
	if early(time.Unix(0, max(a.CreateTime, d.CreateTime))) {
		return fmt.Errorf("it is there for less than %v", least)
	}
	for _, t := range g.Tasks {
		s := a.status.TaskStates[t.Name]
		if s == nil || s.State != api.TaskStateRunning || s.StartedAt == nil || early(*s.StartedAt) {
			return fmt.Errorf("task %s has not run for %v: %+v", t.Name, least, s)
		}
	}
	if api.Deref(g.Update.HealthCheck) != api.HealthCheckChecks {
		return nil
	}
	return a.answersFor(g, early)
}

// answers reports whether the checks of an instance pass since that moment or before it.
func (a *allocView) answers(since time.Time) bool {
	v := a.job.versions[a.JobVersion]
	if v == nil || v.Job.Group(a.TaskGroup) == nil || a.status == nil {
		return true // nobody can say
	}
	return a.answersFor(v.Job.Group(a.TaskGroup), since.Before) == nil
}

// answersFor says which check of an instance does not pass, or only since too short a time.
func (a *allocView) answersFor(g *api.TaskGroup, early func(since time.Time) bool) error {
	for _, s := range g.Services {
		for _, c := range s.Checks {
			state := a.status.Check(api.CheckID(a.ID, "", s, c))
			switch {
			case state == nil:
				return fmt.Errorf("check %s was not made", c.Name)
			case state.Status != api.CheckSuccess || early(time.Unix(0, state.Since)):
				return fmt.Errorf("check %s says %s since %v", c.Name, state.Status, time.Unix(0, state.Since).UTC())
			}
		}
	}
	return nil
}
