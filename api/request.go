package api

import "time"

// Requests and answers, never stored.
//
//msgp:ignore QueryMeta JobRegisterRequest JobRegisterResponse JobDeregisterResponse JobPlanRequest
//msgp:ignore JobDispatchRequest JobDispatchResponse PeriodicForceResponse
//msgp:ignore JobPlanResponse JobValidateResponse JobsParseRequest JobVersionsResponse AllocStopResponse
//msgp:ignore AllocFileInfo StreamFrame AgentHealth AgentRoleHealth AgentSelf
//msgp:ignore AgentMember ServerMembers Event Events

// QueryMeta is what an answer says about the state that it was read from.
type QueryMeta struct {
	LastIndex   uint64
	LastContact time.Duration
	KnownLeader bool
	NextToken   string
}

// JobRegisterRequest is the body of PUT /v1/jobs and PUT /v1/job/ID.
type JobRegisterRequest struct {
	Submission     *JobSubmission `json:",omitempty"`
	Job            *Job
	EnforceIndex   bool   `json:",omitempty"`
	JobModifyIndex uint64 `json:",omitempty"` // 0 with EnforceIndex: the job must not exist
	PreserveCounts bool   `json:",omitempty"`
	PolicyOverride bool   `json:",omitempty"`
	EvalPriority   int    `json:",omitempty"`
}

// JobRegisterResponse is its answer.
type JobRegisterResponse struct {
	EvalID          string
	EvalCreateIndex uint64
	JobModifyIndex  uint64
	Warnings        string
	Index           uint64
	LastContact     time.Duration
	KnownLeader     bool
	NextToken       string
}

// JobDeregisterResponse is the answer to DELETE /v1/job/ID.
type JobDeregisterResponse struct {
	EvalID          string
	EvalCreateIndex uint64
	JobModifyIndex  uint64
	VolumeEvalID    string
	VolumeEvalIndex uint64
	Index           uint64
	LastContact     time.Duration
	KnownLeader     bool
	NextToken       string
}

// JobDispatchRequest is the body of PUT /v1/job/ID/dispatch.
type JobDispatchRequest struct {
	Payload []byte            `json:",omitempty"`
	Meta    map[string]string `json:",omitempty"`
	// IDPrefixTemplate is put into the ID of the child, before the time.
	IDPrefixTemplate string `json:"IdPrefixTemplate,omitempty"`
	Priority         int    `json:",omitempty"` // 0: that of the job
}

// JobDispatchResponse is its answer.
type JobDispatchResponse struct {
	DispatchedJobID string
	EvalID          string // empty if the child waits for the clock, or was there
	EvalCreateIndex uint64
	JobCreateIndex  uint64
	Index           uint64
}

// PeriodicForceResponse is the answer to PUT /v1/job/ID/periodic/force.
type PeriodicForceResponse struct {
	EvalID          string
	EvalCreateIndex uint64
	Index           uint64
}

// JobPlanRequest is the body of PUT /v1/job/ID/plan.
type JobPlanRequest struct {
	Job            *Job
	Diff           bool
	PolicyOverride bool
}

// JobPlanResponse says what registering the job would do.
type JobPlanResponse struct {
	Annotations        *PlanAnnotations
	FailedTGAllocs     map[string]*AllocationMetric
	JobModifyIndex     uint64
	CreatedEvals       []*Evaluation
	Diff               *JobDiff
	NextPeriodicLaunch *time.Time
	Warnings           string
	Index              uint64
	// Waits says what the job would wait for before anything of it is placed. drover's
	// own.
	Waits string `json:",omitempty"`
}

// JobValidateResponse is the answer to PUT /v1/validate/job.
type JobValidateResponse struct {
	DriverConfigValidated bool
	ValidationErrors      []string
	Error                 string
	Warnings              string
}

// JobsParseRequest is the body of POST /v1/jobs/parse.
type JobsParseRequest struct {
	JobHCL       string
	Variables    string
	Canonicalize bool
}

// JobVersionsResponse is the answer to GET /v1/job/ID/versions, newest first.
type JobVersionsResponse struct {
	Versions    []*Job
	Diffs       []*JobDiff
	Index       uint64
	LastContact time.Duration
	KnownLeader bool
	NextToken   string
}

// AllocStopResponse is the answer to PUT /v1/allocation/ID/stop.
type AllocStopResponse struct {
	EvalID string
	Index  uint64
}

// AllocFileInfo is a file in an allocation's directory.
type AllocFileInfo struct {
	Name        string
	IsDir       bool
	Size        int64
	FileMode    string
	ModTime     time.Time
	ContentType string `json:",omitempty"`
}

// StreamFrame is a piece of a followed file. The JSON frames of a stream follow
// each other without a separator; an empty one is a heartbeat.
type StreamFrame struct {
	Offset    int64  `json:",omitempty"`
	Data      []byte `json:",omitempty"`
	File      string `json:",omitempty"`
	FileEvent string `json:",omitempty"`
}

// AgentHealth is the answer to GET /v1/agent/health.
type AgentHealth struct {
	Client *AgentRoleHealth `json:"client,omitempty"`
	Server *AgentRoleHealth `json:"server,omitempty"`
}

// AgentRoleHealth is the health of one role of an agent.
type AgentRoleHealth struct {
	OK      bool   `json:"ok"`
	Message string `json:"message"`
}

// AgentSelf is the answer to GET /v1/agent/self.
type AgentSelf struct {
	Config map[string]any               `json:"config"`
	Member AgentMember                  `json:"member"`
	Stats  map[string]map[string]string `json:"stats"`
}

// AgentMember is a server as its peers see it.
type AgentMember struct {
	Name        string
	Addr        string
	Port        uint16
	Tags        map[string]string
	Status      string // alive, leaving, left or failed
	ProtocolMin uint8
	ProtocolMax uint8
	ProtocolCur uint8
	DelegateMin uint8
	DelegateMax uint8
	DelegateCur uint8
}

// ServerMembers is the answer to GET /v1/agent/members.
type ServerMembers struct {
	ServerName   string
	ServerRegion string
	ServerDC     string
	Members      []*AgentMember
}

// Event is a change that the event stream reports.
type Event struct {
	Topic      string
	Type       string
	Key        string
	Namespace  string
	FilterKeys []string
	Index      uint64
	Payload    map[string]any
}

// Events is all events of one store index: a line of the event stream.
type Events struct {
	Index  uint64
	Events []Event
}
