package api

// Answers, never stored.
//
//msgp:ignore JobSummary TaskGroupSummary JobChildrenSummary JobListStub
//msgp:ignore JobStatusesStub JobStatusesAlloc JobStatusesHealth JobStatusesDeployment

// JobSummary counts the allocations of a job by what they do.
type JobSummary struct {
	JobID       string
	Namespace   string
	Summary     map[string]TaskGroupSummary
	Children    *JobChildrenSummary
	CreateIndex uint64
	ModifyIndex uint64
}

// TaskGroupSummary counts the allocations of a task group.
type TaskGroupSummary struct {
	Queued   int // wanted, not placed
	Complete int
	Failed   int
	Running  int
	Starting int
	Lost     int
	Unknown  int
	// Indexed is how far an indexed group has got. drover's own.
	Indexed *IndexProgress `json:",omitempty"`
}

// JobChildrenSummary counts the children of a periodic or parameterized job.
type JobChildrenSummary struct {
	Pending int64
	Running int64
	Dead    int64
}

// JobListStub is a job in a list.
type JobListStub struct {
	ID                string
	ParentID          string
	Name              string
	Namespace         string
	Datacenters       []string
	NodePool          string
	Multiregion       *Multiregion
	Type              string
	Priority          int
	Periodic          bool
	ParameterizedJob  bool
	Stop              bool
	Status            string
	StatusDescription string
	JobSummary        *JobSummary
	CreateIndex       uint64
	ModifyIndex       uint64
	JobModifyIndex    uint64
	SubmitTime        int64
	Meta              map[string]string `json:",omitempty"`
}

// JobStatusesStub is a job in the answer to GET /v1/jobs/statuses: what a
// dashboard shows of it.
type JobStatusesStub struct {
	ID               string
	Namespace        string
	Name             string
	Type             string
	NodePool         string
	Datacenters      []string
	Priority         int
	Version          uint64
	SubmitTime       int64
	ModifyIndex      uint64
	ParentID         string
	Status           string
	Stop             bool
	IsPack           bool
	ChildStatuses    []string
	GroupCountSum    int
	Allocs           []*JobStatusesAlloc
	LatestDeployment *JobStatusesDeployment
}

// JobStatusesAlloc is an allocation in a JobStatusesStub.
type JobStatusesAlloc struct {
	ID               string
	Group            string
	ClientStatus     string
	NodeID           string
	DeploymentStatus *JobStatusesHealth
	JobVersion       uint64
	FollowupEvalID   string
	HasPausedTask    bool
}

// JobStatusesHealth is how an allocation in a JobStatusesStub does in its deployment.
type JobStatusesHealth struct {
	Canary  bool
	Healthy *bool
}

// JobStatusesDeployment is the newest deployment of the job of a JobStatusesStub.
type JobStatusesDeployment struct {
	ID                string
	IsActive          bool
	JobVersion        uint64
	Status            string
	StatusDescription string
	AllAutoPromote    bool
	RequiresPromotion bool
}
