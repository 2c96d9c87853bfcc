package job

import "github.com/droverhq/drover/api"

// health of an allocation in its deployment.
type health uint8

const (
	healthUnknown health = iota
	healthy
	unhealthy
)

func healthOf(a *api.Allocation) health {
	switch s := a.DeploymentStatus; {
	case s == nil || s.Healthy == nil:
		return healthUnknown
	case *s.Healthy:
		return healthy
	}
	return unhealthy
}
