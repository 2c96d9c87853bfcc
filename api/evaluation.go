package api

import "time"

// States of an evaluation.
const (
	EvalPending   = "pending"  // asked for
	EvalBlocked   = "blocked"  // waits for room
	EvalComplete  = "complete" // the pass was made
	EvalFailed    = "failed"   // the pass could not be made
	EvalCancelled = "canceled" // superseded by a later one
)

// What an evaluation was triggered by.
const (
	TriggerJobRegister      = "job-register"
	TriggerJobDeregister    = "job-deregister"
	TriggerPeriodicJob      = "periodic-job"
	TriggerNodeUpdate       = "node-update"
	TriggerNodeDrain        = "node-drain"
	TriggerAllocStop        = "alloc-stop"
	TriggerAllocFailure     = "alloc-failure"
	TriggerRetryFailedAlloc = "alloc-failure"
	TriggerQueuedAllocs     = "queued-allocs"
	TriggerDeployment       = "deployment-watcher"
	TriggerScaling          = "job-scaling"
	TriggerPreemption       = "preemption" // an instance was evicted for one of higher priority
	TriggerReconcile        = "reconcile"
	TriggerReconnect        = "reconnect" // a node came back, and instances that were replaced with it
)

// Evaluation is the record of one reconcile pass over a job: what asked for it,
// what it did, and what could not be placed and why.
type Evaluation struct {
	ObjectMeta        `msg:"-"`
	ID                string        `json:",omitempty"`
	Priority          int           `json:",omitempty"`
	Type              string        `json:",omitempty"` // of the job
	TriggeredBy       string        `json:",omitempty"`
	Namespace         string        `json:",omitempty"`
	JobID             string        `json:",omitempty"`
	JobModifyIndex    uint64        `json:",omitempty"`
	NodeID            string        `json:",omitempty"`
	NodeModifyIndex   uint64        `json:",omitempty"`
	DeploymentID      string        `json:",omitempty"`
	Status            string        `json:",omitempty"`
	StatusDescription string        `json:",omitempty"`
	Wait              time.Duration `json:",omitempty"`
	WaitUntil         time.Time     `json:",omitzero"`
	NextEval          string        `json:",omitempty"`
	PreviousEval      string        `json:",omitempty"`
	BlockedEval       string        `json:",omitempty"` // the one that waits for what this one could not place
	// FailedTGAllocs says, by task group, why instances could not be placed.
	FailedTGAllocs    map[string]*AllocationMetric `json:",omitempty"`
	ClassEligibility  map[string]bool              `json:",omitempty"`
	QueuedAllocations map[string]int               `json:",omitempty"`
	PlanAnnotations   *PlanAnnotations             `json:",omitempty"`
	SnapshotIndex     uint64                       `json:",omitempty"` // the store index that the pass read
	CreateTime        int64                        `json:",omitempty"`
	ModifyTime        int64                        `json:",omitempty"`
}

// Key implements Object.
func (e *Evaluation) Key() Key {
	if e == nil {
		return Key{Kind: KindEvaluation}
	}
	return Key{Kind: KindEvaluation, ID: e.ID}
}

// Open reports whether it was asked for and not answered, or waits for room.
func (e *Evaluation) Open() bool { return e.Status == EvalPending || e.Status == EvalBlocked }

// Terminal reports whether nothing more will happen to the evaluation.
func (e *Evaluation) Terminal() bool {
	return e.Status == EvalComplete || e.Status == EvalFailed || e.Status == EvalCancelled
}

// PlanAnnotations is what a pass did, or would do, to each task group.
type PlanAnnotations struct {
	DesiredTGUpdates map[string]*DesiredUpdates
	PreemptedAllocs  []*AllocationListStub `msg:"-"`
}

// DesiredUpdates counts what is done to the instances of a task group.
type DesiredUpdates struct {
	Ignore            uint64
	Place             uint64
	Migrate           uint64
	Stop              uint64
	InPlaceUpdate     uint64
	DestructiveUpdate uint64
	Canary            uint64
	Preemptions       uint64
	Disconnect        uint64
	Reconnect         uint64
	RescheduleNow     uint64
	RescheduleLater   uint64
}
