package deployment

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
)

// promote promotes the canaries of all groups once they are healthy, if every group
// that has some asks for that, and reports whether it did. A version is promoted as a
// whole: groups that wait for an operator keep the others waiting.
func (p *plan) promote(v *view, next *api.Deployment, counts tallies) bool {
	if next.Status != api.DeploymentRunning || !next.Promotable() {
		return false
	}
	for name, state := range next.TaskGroups {
		if state.OnTrial() && (!state.AutoPromote || !counts.of(name).awaits(state)) {
			return false
		}
	}
	for _, state := range next.TaskGroups {
		if state.OnTrial() {
			promoteGroup(state, v.now)
		}
	}
	next.StatusDescription = next.RunningDescription()
	return true
}

// promoteGroup promotes the canaries of a group. Who follows them has a whole progress
// deadline, however long the canaries waited.
func promoteGroup(state *api.DeploymentState, now time.Time) {
	state.Promoted = true
	allowProgress(state, now)
}

// allowProgress gives the next instance a whole progress deadline.
func allowProgress(state *api.DeploymentState, now time.Time) {
	if state.RequireProgressBy != nil && state.ProgressDeadline > 0 {
		state.RequireProgressBy = new(now.Add(state.ProgressDeadline))
	}
}

// graduate makes the canaries of the groups that a deployment says are promoted
// instances like the others: their services have the usual tags from now on. What it
// says has to be written before, or with it: canaries that are none any more would
// never be enough to be promoted.
func (p *plan) graduate(v *view, d *api.Deployment) {
	judged := make(map[string]*api.Allocation, len(p.judged))
	for _, a := range p.judged {
		judged[a.ID] = a
	}
	for n := range v.instances {
		i := &v.instances[n]
		state := d.TaskGroups[i.TaskGroup]
		if state == nil || !state.Promoted || !i.IsCanary() || !i.WantsRun() {
			continue
		}
		a := judged[i.ID]
		if a == nil {
			a = i.as(i.known(), v)
			a.DeploymentStatus.Healthy, a.DeploymentStatus.Timestamp = i.DeploymentStatus.Healthy, i.DeploymentStatus.Timestamp
			p.judged = append(p.judged, a)
		}
		a.DeploymentStatus.Canary = false
	}
}

// canaryIDs returns the IDs of a group's canaries in the order of their placement.
func (t *tally) canaryIDs() []string {
	slices.SortFunc(t.canaries, func(a, b *instance) int {
		return cmp.Or(cmp.Compare(a.CreateIndex, b.CreateIndex), strings.Compare(a.ID, b.ID))
	})
	ids := make([]string, 0, len(t.canaries))
	for _, c := range t.canaries {
		ids = append(ids, c.ID)
	}
	return ids
}
