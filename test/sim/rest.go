package sim

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

const (
	quiet    = 11 * time.Minute // longer than any delay of the jobs here
	patience = 60               // times quiet, within which a world comes to rest
)

// rest waits until nothing happens any more, while nodes are there, tasks do well and
// nothing is launched, and
// checks what must hold then: that there is what is wanted, and that a new leader finds
// nothing to do.
func (w *World) rest(Op) bool {
	w.heal(true)
	defer w.heal(false)
	w.hurt = hurt{}
	for _, a := range w.fleet.agents {
		if !a.up {
			continue // it may be gone for good
		}
		if !a.connected {
			a.connect()
		}
	}
	for _, j := range w.model.sortedJobs() { // what is launched again and again never rests
		if j.job != nil && !j.job.Stopped() && j.job.LaunchesOnTime() {
			w.ask(http.MethodDelete, "job/"+url.PathEscape(j.id), nil)
		}
	}
	w.calm()
	if w.broken != nil {
		return true
	}
	w.collect(Op{})
	w.settle()
	w.breaks(w.model.checkRest())
	w.restart()
	return true
}

// calm lets time pass until nothing is written any more.
func (w *World) calm() {
	for range patience {
		w.wrote = w.wrote[:0]
		if w.advance(quiet); w.broken != nil || len(w.wrote) == 0 {
			return
		}
	}
	w.breaks(fmt.Errorf(controllersRest+": after %v with nothing going on objects are still written", patience*quiet))
}

// restart has other servers lead, which must find nothing to do. The first may find other
// reasons why something waits for room: what can't be placed is not tried again while
// no room is gained.
func (w *World) restart() {
	for n := range 2 {
		w.wrote = w.wrote[:0]
		w.breaks(w.lead(w.leader.skew))
		w.settle()
		for _, o := range w.wrote {
			if e, ok := o.(*api.Evaluation); n == 0 && ok && e.Status == api.EvalBlocked {
				continue
			}
			w.breaks(fmt.Errorf(leadersFindNothing+": at rest it wrote %s", describeObject(o)))
		}
	}
}

// end stops every job and checks that in time nothing is left of them.
func (w *World) end(o Op) bool {
	if w.rest(o); w.broken != nil {
		return true
	}
	w.heal(true)
	w.untagAll()
	for _, j := range w.model.sortedJobs() {
		if j.job != nil && !j.job.Stopped() {
			w.ask(http.MethodDelete, "job/"+url.PathEscape(j.id), nil)
		}
		w.settle()
	}
	w.advance(30 * time.Hour)
	if w.broken != nil {
		return true
	}
	snap := w.store.Snapshot()
	for _, kind := range []api.Kind{
		api.KindJob, api.KindJobStatus, api.KindJobVersion, api.KindJobSubmission, api.KindAllocation, api.KindAllocationStatus,
		api.KindEvaluation, api.KindDeployment, api.KindJobAdmission, api.KindPeriodicLaunch, api.KindScalingEvents,
		api.KindHostVolumeClaim,
	} {
		for o := range snap.Scan(store.Query{Kind: kind}) {
			w.breaks(fmt.Errorf(nothingIsLeft+": 30 hours after every job was stopped there is %s", describeObject(o)))
		}
	}
	return true
}

// wantedEqualsActual: every place of a job that should run is held, or waits for room,
// or is empty for a reason: an instance failed for good, or the rollout failed. What is
// live runs on its node, what is not does not.
func wantedEqualsActual(m *model) error {
	for _, j := range m.jobs {
		for _, a := range j.allocs {
			if err := m.isAsWanted(a); err != nil {
				return err
			}
		}
		if j.job == nil || j.job.Stopped() || j.job.IsSystem() || j.rolloutHolds() || j.job.IsTemplate() || j.waits() && !m.admitted(j) || j.overdue(m.world.leader.Now()) {
			continue
		}
		for _, g := range j.job.TaskGroups {
			if g.Indexed != nil {
				if err := j.indexesLeft(g); err != nil {
					return err
				}
				continue
			}
			held, queued := j.held(g), j.status.Queued[*g.Name]
			if held+queued < *g.Count {
				return fmt.Errorf("group %s of job %s has %d of %d, and %d wait", *g.Name, j.id, held, *g.Count, queued)
			}
		}
	}
	return nil
}

// isAsWanted compares an allocation with what its node does.
func (m *model) isAsWanted(a *allocView) error {
	runs := m.fleetRuns(a.Allocation)
	switch {
	case runs && !a.WantsRun():
		return fmt.Errorf("%s (%s) runs, and should not", a.Name, short(a.ID))
	case !runs && a.live() && m.world.reachable(a.NodeID):
		return fmt.Errorf("%s (%s) does not run, and should", a.Name, short(a.ID))
	case !a.ended() && !a.live() && a.Lost == "":
		return fmt.Errorf("%s (%s) was stopped and has not ended", a.Name, short(a.ID))
	case a.WantsRun() && a.failed() && a.NextAllocation == "":
		return a.unrivalled()
	}
	return nil
}

func (a *allocView) failed() bool {
	return a.status != nil && a.status.ClientStatus == api.AllocClientFailed
}

// unrivalled says who lives in the place of an instance that failed and is still wanted.
func (a *allocView) unrivalled() error {
	for _, other := range a.job.allocs {
		if other != a && other.live() && !other.canary() && !a.canary() && other.seat() == a.seat() && other.CreateIndex >= api.Deref(a.job.job.CreateIndex) {
			return fmt.Errorf("%s (%s) failed and is still wanted, though %s lives in its place", a.Name, short(a.ID), short(other.ID))
		}
	}
	return nil
}

// reachable reports whether the agent of a node has a session.
func (w *World) reachable(nodeID string) bool {
	for _, a := range w.fleet.agents {
		if a.facts.ID == nodeID {
			return a.up && a.connected
		}
	}
	return false
}

// rolloutHolds reports whether the rollout of a job's version keeps it as it is.
func (j *jobView) rolloutHolds() bool {
	for _, d := range j.deployments {
		if d.JobVersion != *j.job.Version || d.JobCreateIndex != *j.job.CreateIndex {
			continue
		}
		if d.Status != api.DeploymentSuccessful && d.Status != api.DeploymentRunning {
			return true
		}
		for _, state := range d.TaskGroups {
			if d.Active() && state.DesiredCanaries > 0 && !state.Promoted {
				return true // somebody has to promote it
			}
		}
	}
	return false
}

// held counts the places of a group that are taken.
func (j *jobView) held(g *api.TaskGroup) int { return len(j.holders(g)) }

// holders are the names of the places of a group that are taken: by what runs, has done
// what it was to, or has failed for good.
func (j *jobView) holders(g *api.TaskGroup) map[string]bool {
	names := make(map[string]bool)
	for _, a := range j.allocs {
		if a.TaskGroup != *g.Name || a.CreateIndex < *j.job.CreateIndex {
			continue
		}
		current := a.JobVersion == *j.job.Version
		state := ""
		if a.status != nil {
			state = a.status.ClientStatus
		}
		done := state == api.AllocClientComplete && j.job.IsBatch() && current
		turn := j.status.Queued[*g.Name] > 0 && !j.job.IsBatch() // comes when those have room that go first
		failed := state == api.AllocClientFailed && a.WantsRun() && (current || turn)
		kept := a.Lost == api.AllocClientLost && a.NextAllocation == "" && api.Deref(g.PreventRescheduleOnLost)
		unknown := a.Lost == api.AllocClientUnknown && a.WantsRun()
		if a.live() || done || failed || kept || unknown {
			names[a.Name] = true
		}
	}
	return names
}
