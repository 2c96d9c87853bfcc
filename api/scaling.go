package api

// Requests and answers, never stored.
//
//msgp:ignore ScalingRequest JobScaleStatus TaskGroupScaleStatus ScalingPolicyListStub

// ScalingPolicy bounds and steers the count of a group or a task's resources. In a
// Job it is what a scaling block says; the object of its own is made from that by the
// scaling controller, for autoscalers to find.
type ScalingPolicy struct {
	ID          string
	Namespace   string
	Type        string // horizontal, vertical_cpu or vertical_mem
	Target      map[string]string
	Min         *int64
	Max         *int64
	Policy      Values // for the autoscaler; drover does not read it
	Enabled     *bool
	CreateIndex uint64 `msg:"-"`
	ModifyIndex uint64 `msg:"-"`
}

// What the Target of a ScalingPolicy names.
const (
	ScalingTargetNamespace = "Namespace"
	ScalingTargetJob       = "Job"
	ScalingTargetGroup     = "Group"
	ScalingTargetTask      = "Task"
)

// Key implements Object.
func (p *ScalingPolicy) Key() Key {
	if p == nil {
		return Key{Kind: KindScalingPolicy}
	}
	return Key{Kind: KindScalingPolicy, ID: p.ID}
}

// Indexes implements Object.
func (p *ScalingPolicy) Indexes() (create, modify uint64) { return p.CreateIndex, p.ModifyIndex }

// SetIndexes implements Object.
func (p *ScalingPolicy) SetIndexes(create, modify uint64) {
	p.CreateIndex, p.ModifyIndex = create, modify
}

// MaxScalingEvents is how many events are kept for one group.
const MaxScalingEvents = 20

// ScalingEvents is what was done to the counts of a job's groups.
type ScalingEvents struct {
	ObjectMeta `json:"-" msg:"-"`
	Namespace  string
	JobID      string
	Events     []*ScalingEvent // latest first, at most MaxScalingEvents of each group
}

// Key implements Object.
func (e *ScalingEvents) Key() Key {
	if e == nil {
		return Key{Kind: KindScalingEvents}
	}
	return ScalingEventsKey(e.Namespace, e.JobID)
}

// ScalingEventsKey returns the key of the scaling events of a job.
func ScalingEventsKey(namespace, jobID string) Key {
	return Key{Kind: KindScalingEvents, Namespace: namespace, ID: jobID}
}

// ScalingEvent is one change of a group's count, or what an autoscaler had to say
// about it.
type ScalingEvent struct {
	Group         string `json:"-"`
	Time          uint64 // Unix nanoseconds
	Count         *int64 // that was set; nil: the event only says something
	PreviousCount int64
	Message       string
	Error         bool
	Meta          Values
	EvalID        *string
	CreateIndex   uint64
}

// ScalingRequest is the body of PUT /v1/job/ID/scale.
type ScalingRequest struct {
	Target         map[string]string // Group names the group
	Count          *int64            // nil: only record an event
	Message        string
	Error          bool
	Meta           Values
	PolicyOverride bool
	// EnforceIndex refuses to scale a job that was not last written at JobModifyIndex.
	EnforceIndex   bool
	JobModifyIndex uint64
}

// JobScaleStatus is the answer to GET /v1/job/ID/scale.
type JobScaleStatus struct {
	JobID          string
	Namespace      string
	JobCreateIndex uint64
	JobModifyIndex uint64
	JobStopped     bool
	TaskGroups     map[string]TaskGroupScaleStatus
}

// TaskGroupScaleStatus counts the instances of a group that should run.
type TaskGroupScaleStatus struct {
	Desired   int
	Placed    int
	Running   int
	Healthy   int
	Unhealthy int
	Events    []*ScalingEvent // latest first
}

// ScalingPolicyListStub is a scaling policy in a list.
type ScalingPolicyListStub struct {
	ID          string
	Enabled     bool
	Type        string
	Target      map[string]string
	CreateIndex uint64
	ModifyIndex uint64
}
