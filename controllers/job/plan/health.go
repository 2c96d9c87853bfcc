package plan

import "github.com/droverhq/drover/api"

// Health of an allocation in its deployment.
type Health uint8

const (
	HealthUnknown Health = iota
	Healthy
	Unhealthy
)

func HealthOf(a *api.Allocation) Health {
	switch s := a.DeploymentStatus; {
	case s == nil || s.Healthy == nil:
		return HealthUnknown
	case *s.Healthy:
		return Healthy
	}
	return Unhealthy
}
