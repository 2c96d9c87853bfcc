package deployment

import (
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/health"
)

// instance is an allocation of a deployment with what its node agent says of it.
type instance struct {
	*api.Allocation
	status *api.AllocationStatus // nil: nothing yet
	// seen is when the last turn of its status was first seen, if the node's clock says
	// that it is in the future.
	seen time.Time
}

// known returns the health that was said before.
func (i *instance) known() health.Verdict {
	switch s := i.DeploymentStatus; {
	case s == nil || s.Healthy == nil:
		return health.Undecided
	case *s.Healthy:
		return health.Healthy
	}
	return health.Unhealthy
}

// judge says how an instance of the group does at a moment, and, if that is
// undecided, when to look again at the latest. since is when it joined the
// deployment.
func (i *instance) judge(g *api.TaskGroup, since, now time.Time) (health.Verdict, time.Time) {
	known := i.known()
	if !i.WantsRun() || i.Lost != "" || known == health.Unhealthy {
		return known, time.Time{}
	}
	if known == health.Healthy {
		if health.Broken(g, i.status) {
			return health.Unhealthy, time.Time{}
		}
		return known, time.Time{}
	}
	of := health.Instance{Group: g, Status: i.status, Since: since, Seen: i.seen}
	return health.Judge(of, health.UpdateTerms(g.Update), now)
}
