package deployment

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
)

// promote promotes the canaries of all groups once they are healthy, if every group
// that has some asks for that. A version is promoted as a whole: groups that wait for
// an operator keep the others waiting.
func (p *plan) promote(v *view, next *api.Deployment, counts tallies) {
	if next.Status != api.DeploymentRunning || !next.Promotable() {
		return
	}
	for name, state := range next.TaskGroups {
		if state.OnTrial() && (!state.AutoPromote || !counts.of(name).awaits(state)) {
			return
		}
	}
	for _, state := range next.TaskGroups {
		if state.OnTrial() {
			promoteGroup(state, v.now)
		}
	}
	next.StatusDescription = next.RunningDescription()
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
