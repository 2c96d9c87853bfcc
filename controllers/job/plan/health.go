package plan

import "github.com/droverhq/drover/api"

// Health is what the deployment controller has found of an allocation in its rollout.
type Health uint8

// An allocation is of unknown health until it has run for long enough, or has failed to.
const (
	HealthUnknown Health = iota
	Healthy
	Unhealthy
)

// HealthOf returns the health of an allocation; unknown, if it is of no rollout.
func HealthOf(a *api.Allocation) Health {
	switch s := a.DeploymentStatus; {
	case s == nil || s.Healthy == nil:
		return HealthUnknown
	case *s.Healthy:
		return Healthy
	}
	return Unhealthy
}
