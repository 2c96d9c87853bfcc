package sim

import (
	"fmt"

	"github.com/droverhq/drover/api"
)

// nothingInUseIsCollected: what is removed is not live, and nothing that is live refers
// to it.
func nothingInUseIsCollected(m *model, changes []change) error {
	for _, c := range changes {
		if c.new != nil {
			continue
		}
		if err := m.mayGo(c); err != nil {
			return err
		}
		if a, ok := c.old.(*api.Allocation); ok {
			if err := m.placeMayGo(a, changes); err != nil {
				return err
			}
		}
	}
	return nil
}

// placeMayGo says whether an allocation that ended has no say in what its job does next:
// one that did what a batch instance is for, or that failed, holds its place, but for one of
// an indexed group once its end is in the job's progress.
func (m *model) placeMayGo(o *api.Allocation, changes []change) error {
	j := m.jobOf(o.JobID)
	if j.job == nil || j.job.Stopped() || o.CreateIndex < *j.job.CreateIndex {
		return nil
	}
	was := &allocView{Allocation: o, job: j}
	for _, c := range changes {
		if s, ok := c.old.(*api.AllocationStatus); ok && s.ID == o.ID {
			was.status = s
		}
	}
	did := was.did() && j.job.IsBatch() && o.JobVersion == *j.job.Version
	g := j.job.Group(o.TaskGroup)
	if g == nil || !did && !was.failedInPlace() || !j.job.IsSystem() && o.Index() >= *g.Count {
		return nil
	}
	if p := j.progress(j.status, o.TaskGroup); p.Completed.Has(o.Index()) || p.Failed.Has(o.Index()) {
		return nil
	}
	return fmt.Errorf("%s (%s) was removed, which is %s and holds its place", o.Name, short(o.ID), was.status.ClientStatus)
}

func (m *model) mayGo(c change) error {
	switch o := c.old.(type) {
	case *api.Allocation:
		// Its status may have gone with it.
		if o.WantsRun() && o.Lost == "" && m.job(o.JobID) != nil && m.fleetRuns(o) {
			return fmt.Errorf("%s (%s) was removed while it runs", o.Name, short(o.ID))
		}
	case *api.AllocationStatus:
		if a := m.alloc[o.ID]; a != nil && !o.Terminal() {
			return fmt.Errorf("the status of %s (%s) was removed, which has not ended", a.Name, short(o.ID))
		}
	case *api.Evaluation:
		if o.Status == api.EvalPending || o.Status == api.EvalBlocked && m.job(o.JobID) != nil {
			return fmt.Errorf("evaluation %s of %s was removed while it is %s", short(o.ID), o.JobID, o.Status)
		}
	case *api.Deployment:
		if o.Active() {
			return fmt.Errorf("deployment %s of %s was removed while it is %s", short(o.ID), o.JobID, o.Status)
		}
		for _, a := range m.jobOf(o.JobID).allocs {
			if a.DeploymentID == o.ID && a.live() {
				return fmt.Errorf("deployment %s was removed, which %s (%s) is of", short(o.ID), a.Name, short(a.ID))
			}
		}
	case *api.JobVersion:
		return m.versionMayGo(o)
	case *api.Node:
		for _, a := range m.nodeOf(o.ID).allocs {
			if a.live() && c.who != user {
				return fmt.Errorf("node %s was removed, which %s (%s) is on", o.Name, a.Name, short(a.ID))
			}
		}
	case *api.Job:
		if c.who != user {
			return m.jobMayGo(o)
		}
	}
	return nil
}

// jobMayGo says whether nobody needs a dead job any more: nothing of it is under way, no
// version of it has a tag, and no other one waits for it.
func (m *model) jobMayGo(o *api.Job) error {
	j := m.jobOf(*o.ID)
	for _, a := range j.allocs {
		if !a.ended() && !m.news(a) {
			return fmt.Errorf("job %s was removed, and %s (%s) has not ended", j.id, a.Name, short(a.ID))
		}
	}
	if waits := m.awaits(j.id); waits != "" && *m.jobs[waits].job.ModifyIndex <= m.world.basis {
		return fmt.Errorf("job %s was removed, which %s waits for", j.id, waits)
	}
	if j.tagged() {
		return fmt.Errorf("job %s was removed, and a version of it has a tag", j.id)
	}
	for _, other := range m.jobs {
		if other.childOf(j.id) && other.goesOn() && *other.job.ModifyIndex <= m.world.basis {
			return fmt.Errorf("job %s was removed while %s goes on, which is of it", j.id, other.id)
		}
	}
	return nil
}

// versionMayGo says whether nobody needs a version any more: that its job has now or may
// go back to, that has a tag, or that something runs.
func (m *model) versionMayGo(v *api.JobVersion) error {
	j := m.jobOf(*v.Job.ID)
	for _, a := range j.allocs {
		if a.JobVersion == *v.Job.Version && !a.ended() {
			return fmt.Errorf("version %d of %s was removed, which %s (%s) runs", *v.Job.Version, j.id, a.Name, short(a.ID))
		}
	}
	if j.job == nil {
		return nil
	}
	if v.Tag != nil || *v.Job.Version == api.Deref(j.job.Version) {
		return fmt.Errorf("version %d of %s was removed, tag %v, version %d is current", *v.Job.Version, j.id, v.Tag, api.Deref(j.job.Version))
	}
	newer := 0
	for n := range j.versions {
		if n > *v.Job.Version {
			newer++
		}
	}
	if newer < trackedVersions-1 { // the last gives way to a stable one that is older
		return fmt.Errorf("version %d of %s was removed, %d newer ones are there and %d are kept", *v.Job.Version, j.id, newer, trackedVersions)
	}
	return nil
}

// versionsAreBounded: of a job no more versions are kept by a collection than are tracked,
// tagged, or used.
func versionsAreBounded(m *model) error {
	for _, j := range m.jobs {
		if j.job == nil {
			continue
		}
		kept := 0
		for n, v := range j.versions {
			if v.Tag == nil && !j.uses(n) {
				kept++
			}
		}
		if kept > trackedVersions {
			return fmt.Errorf("%d versions of %s are kept, for nothing", kept, j.id)
		}
	}
	return nil
}

func (j *jobView) uses(version uint64) bool {
	for _, a := range j.allocs {
		if a.JobVersion == version {
			return true
		}
	}
	for _, d := range j.deployments {
		if d.Active() && d.JobVersion == version {
			return true
		}
	}
	return false
}

// fleetRuns reports whether something of an allocation runs on its node.
func (m *model) fleetRuns(a *api.Allocation) bool {
	for _, agent := range m.world.fleet.agents {
		if i := agent.instances[a.ID]; i != nil && agent.up && i.begun && !i.life.Ended() {
			return true
		}
	}
	return false
}
