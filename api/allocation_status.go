package api

import "time"

// AllocationStatus is what a node agent says of an allocation. It is small and
// often written, and nobody else writes it.
type AllocationStatus struct {
	ObjectMeta        `json:"-" msg:"-"`
	ID                string                `msg:"id"` // of the allocation
	NodeID            string                `msg:"node"`
	Namespace         string                `msg:"ns"`
	JobID             string                `msg:"job"`
	ClientStatus      string                `msg:"st"`
	ClientDescription string                `msg:"why"`
	TaskStates        map[string]*TaskState `msg:"tasks"`
	NetworkStatus     *AllocNetworkStatus   `msg:"net"`
	Services          []*ServiceInstance    `msg:"svc"` // that can be reached
	Checks            []*CheckState         `msg:"chk"` // of those services
	ModifyTime        int64                 `msg:"mt"`  // Unix nanoseconds, by the node's clock
}

// Key implements Object.
func (s *AllocationStatus) Key() Key {
	if s == nil {
		return Key{Kind: KindAllocationStatus}
	}
	return Key{Kind: KindAllocationStatus, ID: s.ID}
}

// Terminal reports whether the allocation has ended on its node.
func (s *AllocationStatus) Terminal() bool {
	return s != nil && ended(s.ClientStatus)
}

// ended reports whether a client status is one of allocations that have ended.
func ended(status string) bool {
	switch status {
	case AllocClientComplete, AllocClientFailed, AllocClientLost:
		return true
	}
	return false
}

// Killed reports whether a task of the allocation was ended, and did not end by itself.
func (s *AllocationStatus) Killed() bool {
	for _, t := range s.TaskStates {
		for _, e := range t.Events {
			if e.Type == EventKilling {
				return true
			}
		}
	}
	return false
}

// States of a task.
const (
	TaskStatePending = "pending"
	TaskStateRunning = "running"
	TaskStateDead    = "dead"
)

// TaskState is where a task is in its life, with its latest events.
type TaskState struct {
	State       string       `msg:"s"`
	Failed      bool         `msg:"f"`
	Restarts    uint64       `msg:"r"`
	LastRestart *time.Time   `msg:"lr"`
	StartedAt   *time.Time   `msg:"sa"`
	FinishedAt  *time.Time   `msg:"fa"`
	Events      []*TaskEvent `msg:"e"` // oldest first, at most MaxTaskEvents
	Paused      string       `msg:"p"`
}

// MaxTaskEvents is how many events of a task are kept.
const MaxTaskEvents = 10

// Successful reports whether the task ended well.
func (s *TaskState) Successful() bool { return s.State == TaskStateDead && !s.Failed }

// Types of task events.
const (
	EventReceived      = "Received"
	EventTaskSetup     = "Task Setup"
	EventSetupFailure  = "Setup Failure"
	EventDriverFailure = "Driver Failure"
	EventDriver        = "Driver"
	EventStarted       = "Started"
	EventTerminated    = "Terminated"
	EventRestarting    = "Restarting"
	EventNotRestarting = "Not Restarting"
	EventKilling       = "Killing"
	EventKilled        = "Killed"
	EventSiblingFailed = "Sibling Task Failed"
	EventLeaderDead    = "Leader Task Dead"
	EventMainTasksDead = "Main Tasks Dead"
	EventSignaling     = "Signaling"
	EventRestartSignal = "Restart Signaled"
	EventFailedRestore = "Failed Restoring Task"
	EventValidation    = "Failed Validation"
	EventDownloading   = "Downloading Artifacts"
	EventTemplate      = "Template"
	EventDisk          = "Ephemeral Disk"
	EventDownload      = "Failed Artifact Download"
)

// TaskEvent is something that happened to a task. DisplayMessage says it to a
// person, Details to a program; the other fields are older forms of the same.
type TaskEvent struct {
	Type             string            `msg:"t"`
	Time             int64             `msg:"at"` // Unix nanoseconds
	DisplayMessage   string            `msg:"msg"`
	Details          map[string]string `msg:"d"`
	Message          string            `msg:"m"`
	FailsTask        bool              `msg:"ft"`
	RestartReason    string            `msg:"rr"`
	SetupError       string            `msg:"se"`
	DriverError      string            `msg:"de"`
	DriverMessage    string            `msg:"dm"`
	ExitCode         int               `msg:"x"`
	Signal           int               `msg:"sig"`
	KillReason       string            `msg:"kr"`
	KillTimeout      time.Duration     `msg:"kt"`
	KillError        string            `msg:"ke"`
	StartDelay       int64             `msg:"sd"`
	DownloadError    string            `msg:"dl"`
	ValidationError  string            `msg:"ve"`
	DiskLimit        int64             `msg:"dsk"`
	FailedSibling    string            `msg:"fs"`
	VaultError       string            `msg:"va"`
	TaskSignalReason string            `msg:"tsr"`
	TaskSignal       string            `msg:"ts"`
	GenericSource    string            `msg:"gs"`
}
