package api

import "time"

// States of a deployment.
const (
	DeploymentRunning    = "running"
	DeploymentPaused     = "paused"
	DeploymentFailed     = "failed"
	DeploymentSuccessful = "successful"
	DeploymentCancelled  = "cancelled"
	DeploymentPending    = "pending"
	DeploymentBlocked    = "blocked"
	DeploymentUnblocking = "unblocking"
)

// Deployment is the rollout of one version of a job.
type Deployment struct {
	ObjectMeta         `msg:"-"`
	ID                 string
	Namespace          string
	JobID              string
	JobVersion         uint64
	JobModifyIndex     uint64
	JobSpecModifyIndex uint64
	JobCreateIndex     uint64
	IsMultiregion      bool
	TaskGroups         map[string]*DeploymentState
	Status             string
	StatusDescription  string
	EvalPriority       int
	CreateTime         int64
	ModifyTime         int64
}

// Key implements Object.
func (d *Deployment) Key() Key {
	if d == nil {
		return Key{Kind: KindDeployment}
	}
	return Key{Kind: KindDeployment, ID: d.ID}
}

// Active reports whether the rollout goes on, or may go on.
func (d *Deployment) Active() bool {
	switch d.Status {
	case DeploymentRunning, DeploymentPaused, DeploymentPending, DeploymentBlocked, DeploymentUnblocking:
		return true
	}
	return false
}

// Promotable reports whether canaries of any group wait, or will wait, to be promoted.
func (d *Deployment) Promotable() bool {
	for _, s := range d.TaskGroups {
		if s.OnTrial() {
			return true
		}
	}
	return false
}

// RunningDescription says what a rollout that goes on needs, as its StatusDescription
// does.
func (d *Deployment) RunningDescription() string {
	const running = "Deployment is running"
	if !d.Promotable() {
		return running
	}
	for _, s := range d.TaskGroups {
		if s.OnTrial() && !s.AutoPromote {
			return running + " but requires manual promotion"
		}
	}
	return running + " pending automatic promotion"
}

// DeploymentState is how the rollout of one task group does.
type DeploymentState struct {
	AutoRevert       bool
	AutoPromote      bool
	ProgressDeadline time.Duration // 0: the first unhealthy instance fails the rollout
	// RequireProgressBy is when the rollout fails unless another instance is healthy.
	RequireProgressBy *time.Time
	// Promoted says that the canaries were found good: from then on the instances of the
	// older version are replaced.
	Promoted        bool
	PlacedCanaries  []string // IDs of the allocations that are, or were, canaries
	DesiredCanaries int      // 0: the group needs none
	DesiredTotal    int      // instances of the new version in the end
	PlacedAllocs    int
	HealthyAllocs   int
	UnhealthyAllocs int
}

// OnTrial reports whether the group has canaries that nobody promoted yet. Until then
// the older version keeps all its instances.
func (s *DeploymentState) OnTrial() bool {
	return s != nil && s.DesiredCanaries > 0 && !s.Promoted
}
