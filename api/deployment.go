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

// DeploymentState is how the rollout of one task group does.
type DeploymentState struct {
	AutoRevert        bool
	AutoPromote       bool
	ProgressDeadline  time.Duration
	RequireProgressBy *time.Time
	Promoted          bool
	PlacedCanaries    []string
	DesiredCanaries   int
	DesiredTotal      int
	PlacedAllocs      int
	HealthyAllocs     int
	UnhealthyAllocs   int
}
