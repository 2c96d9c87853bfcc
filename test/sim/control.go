package sim

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// drain empties a node: drain n1 [deadline=1m] [ignore_system]; or lets it be: drain n1 off.
func (w *World) drain(o Op) bool {
	id := nodeID(o.target())
	if _, ok := store.Get[*api.Node](w.store.Snapshot(), (&api.Node{ID: id}).Key()); !ok {
		return false
	}
	r := api.NodeDrainRequest{DrainSpec: &api.DrainSpec{Deadline: o.duration("deadline", time.Hour), IgnoreSystemJobs: o.has("ignore_system")}}
	if o.has("off") {
		r = api.NodeDrainRequest{MarkEligible: true}
	}
	return w.ask(http.MethodPut, "node/"+id+"/drain", r)
}

// purge removes a node that is not there: purge n1.
func (w *World) purge(o Op) bool {
	a := w.fleet.find(o.target())
	if a == nil || a.up && a.connected {
		return false
	}
	if _, ok := store.Get[*api.Node](w.store.Snapshot(), a.facts.Key()); !ok {
		return false
	}
	return w.ask(http.MethodPut, "node/"+a.facts.ID+"/purge", nil)
}

// scale changes the count of a group: scale s1 count=4.
func (w *World) scale(o Op) bool {
	if w.model.job(o.target()) == nil {
		return false
	}
	return w.ask(http.MethodPut, "job/"+url.PathEscape(o.target())+"/scale", api.ScalingRequest{
		Target: map[string]string{"Group": "web"}, Count: new(int64(o.int("count", 1))),
	})
}

// steer does something to the rollout of a job that goes on: steer s1 promote.
func (w *World) steer(o Op) bool {
	j := w.model.jobs[o.target()]
	if j == nil || len(o.Args) < 2 {
		return false
	}
	for _, d := range j.deployments {
		if !d.Active() {
			continue
		}
		var body any
		verb := o.Args[1]
		switch verb {
		case "promote":
			body = api.DeploymentPromoteRequest{DeploymentID: d.ID, All: true}
		case "pause", "resume":
			body = api.DeploymentPauseRequest{DeploymentID: d.ID, Pause: verb == "pause"}
			verb = "pause"
		}
		return w.ask(http.MethodPut, "deployment/"+verb+"/"+d.ID, body)
	}
	return false
}

// revert goes back to an older version of a job: revert s1.
func (w *World) revert(o Op) bool {
	j := w.model.jobs[o.target()]
	if j == nil || j.job == nil || len(j.versions) < 2 {
		return false
	}
	var older []uint64
	for n := range j.versions {
		if n < *j.job.Version {
			older = append(older, n)
		}
	}
	slices.Sort(older)
	if len(older) == 0 {
		return false
	}
	return w.ask(http.MethodPut, "job/"+url.PathEscape(o.target())+"/revert", api.JobRevertRequest{
		JobID: o.target(), JobVersion: older[w.chance.IntN(len(older))],
	})
}

// disconnectOf returns the disconnect block that an op apply asks for:
// lost_after=1m [replace=false] [reconcile=keep_original].
func disconnectOf(o Op) *api.DisconnectStrategy {
	if o.value("lost_after") == "" {
		return nil
	}
	d := &api.DisconnectStrategy{LostAfter: new(o.duration("lost_after", time.Minute)), Replace: new(!strings.HasPrefix(o.value("replace"), "f"))}
	if r := o.value("reconcile"); r != "" {
		d.Reconcile = new(r)
	}
	return d
}
