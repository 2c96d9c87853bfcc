package api

// Requests and answers about rollouts and versions, never stored.
//
//msgp:ignore DeploymentPauseRequest DeploymentPromoteRequest DeploymentAllocHealthRequest DeploymentUpdateResponse
//msgp:ignore JobRevertRequest JobStabilityRequest JobStabilityResponse JobTagRequest JobTagResponse

// DeploymentPauseRequest is the body of PUT /v1/deployment/pause/ID.
type DeploymentPauseRequest struct {
	DeploymentID string // may be left out; else it is the one in the path
	Pause        bool   // false: let it go on
}

// DeploymentPromoteRequest is the body of PUT /v1/deployment/promote/ID.
type DeploymentPromoteRequest struct {
	DeploymentID string   // may be left out; else it is the one in the path
	All          bool     // promote the canaries of every group
	Groups       []string `json:",omitempty"` // or of these
}

// DeploymentAllocHealthRequest is the body of PUT /v1/deployment/allocation-health/ID.
type DeploymentAllocHealthRequest struct {
	DeploymentID           string // may be left out; else it is the one in the path
	HealthyAllocationIDs   []string
	UnhealthyAllocationIDs []string // one is enough to make the deployment fail
}

// DeploymentUpdateResponse is the answer to a change of a deployment.
type DeploymentUpdateResponse struct {
	EvalID                string
	EvalCreateIndex       uint64
	DeploymentModifyIndex uint64
	RevertedJobVersion    *uint64 // the version that the job goes back to because of it
	Index                 uint64
}

// JobRevertRequest is the body of PUT /v1/job/ID/revert.
type JobRevertRequest struct {
	JobID               string
	JobVersion          uint64
	EnforcePriorVersion *uint64 `json:",omitempty"` // refuse if the current version is another one
}

// JobStabilityRequest is the body of PUT /v1/job/ID/stable.
type JobStabilityRequest struct {
	JobID      string
	JobVersion uint64
	Stable     bool
}

// JobStabilityResponse is its answer.
type JobStabilityResponse struct {
	Index uint64
}

// JobTagRequest is the body of PUT /v1/job/ID/versions/TAG/tag.
type JobTagRequest struct {
	Version     *uint64 `json:",omitempty"` // nil: the current one
	Description string
}

// JobTagResponse is the answer to it, and to DELETE there.
type JobTagResponse struct {
	Name        string
	Description string
	TaggedTime  int64 // Unix nanoseconds
	Index       uint64
}
