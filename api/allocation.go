package api

import (
	"fmt"
	"strconv"
	"time"

	"github.com/tinylib/msgp/msgp"
)

// Joined in at the HTTP edge, never stored.
//
//msgp:ignore AllocatedResources AllocatedTaskResources AllocatedCPUResources AllocatedMemoryResources
//msgp:ignore AllocatedSharedResources AllocationListStub
//
// Has a codec of its own.
//
//msgp:ignore EncodedMetric

// What the servers want of an allocation.
const (
	AllocDesiredRun   = "run"
	AllocDesiredStop  = "stop"
	AllocDesiredEvict = "evict" // stop, to make room for a job of higher priority
)

// What a node agent says of an allocation.
const (
	AllocClientPending  = "pending"
	AllocClientRunning  = "running"
	AllocClientComplete = "complete"
	AllocClientFailed   = "failed"
	AllocClientLost     = "lost"    // said by the servers: its node is down
	AllocClientUnknown  = "unknown" // said by the servers: its node is disconnected
)

// Allocation is one instance of a task group, bound to a node: what the servers
// want. What the node agent says of it is the AllocationStatus of the same ID.
//
// The stored form keeps only what placement chose (node, ports); what the job asks
// for is found in the JobVersion. The fields of the last block are joined in at
// the HTTP edge (see Join).
type Allocation struct {
	ObjectMeta `msg:"-"`
	ID         string `json:",omitempty" msg:"id"`
	Namespace  string `json:",omitempty" msg:"ns"`
	EvalID     string `json:",omitempty" msg:"eval"`
	Name       string `json:",omitempty" msg:"name"` // job.group[index]
	NodeID     string `json:",omitempty" msg:"node"`
	NodeName   string `json:",omitempty" msg:"nodename"`
	JobID      string `json:",omitempty" msg:"job"`
	// JobVersion is the version of the job that this allocation runs. An in-place
	// update raises it.
	JobVersion uint64 `json:"-" msg:"jobv"`
	TaskGroup  string `json:",omitempty" msg:"tg"`
	// JobType is kept because controllers ask for it of allocations whose job is gone.
	JobType string `json:"-" msg:"jobt"`

	DesiredStatus      string            `json:",omitempty" msg:"want"`
	DesiredDescription string            `json:",omitempty" msg:"wantwhy"`
	DesiredTransition  DesiredTransition `json:",omitzero" msg:"trans"`
	// Lost says that contact with its node was lost while it was on it, with what the
	// servers report as its client status: AllocClientLost or, while it may come back,
	// AllocClientUnknown; UnknownSince is when that was said, in Unix nanoseconds.
	Lost         string `json:"-" msg:"lost"`
	UnknownSince int64  `json:"-" msg:"unksince"`
	// Withdrawn are the IDs of services of it that an operator has taken out of the
	// register.
	Withdrawn map[string]bool `json:"-" msg:"withdrawn"`

	DeploymentID     string                 `json:",omitempty" msg:"depl"`
	DeploymentStatus *AllocDeploymentStatus `json:",omitempty" msg:"deplstat"`

	RescheduleTracker     *RescheduleTracker `json:",omitempty" msg:"resched"`
	PreviousAllocation    string             `json:",omitempty" msg:"prev"`
	NextAllocation        string             `json:",omitempty" msg:"next"`
	FollowupEvalID        string             `json:",omitempty" msg:"followup"`
	PreemptedByAllocation string             `json:",omitempty" msg:"preemptby"`
	PreemptedAllocations  []string           `json:",omitempty" msg:"preempted"`

	// Ports is what placement chose for the group's networks.
	Ports []AllocatedPort `json:"-" msg:"ports"`
	// Grants is what placement chose for tasks: cores and devices. Tasks that ask for
	// neither have none.
	Grants []TaskGrant `json:"-" msg:"grants"`
	// Claims is what it uses of CSI volumes.
	Claims []VolumeClaim `json:"-" msg:"claims"`
	// Usage is what the allocation takes from its node, all tasks together.
	Usage Usage `json:"-" msg:"use"`

	// Placement says how placement was decided: what is joined in as Metrics.
	Placement  EncodedMetric `json:"-" msg:"metrics"`
	CreateTime int64         `json:",omitempty" msg:"ct"`
	ModifyTime int64         `json:",omitempty" msg:"mt"`

	ClientStatus       string                `json:",omitempty" msg:"-"`
	ClientDescription  string                `json:",omitempty" msg:"-"`
	TaskStates         map[string]*TaskState `json:",omitempty" msg:"-"`
	NetworkStatus      *AllocNetworkStatus   `json:",omitempty" msg:"-"`
	Job                *Job                  `json:",omitempty" msg:"-"`
	Resources          *Resources            `json:",omitempty" msg:"-"`
	SharedResources    *Resources            `json:",omitempty" msg:"-"`
	TaskResources      map[string]*Resources `json:",omitempty" msg:"-"`
	AllocatedResources *AllocatedResources   `json:",omitempty" msg:"-"`
	Metrics            *AllocationMetric     `json:",omitempty" msg:"-"`
	AllocModifyIndex   uint64                `json:",omitempty" msg:"-"` // ModifyIndex of what the servers want, without the status
	SigningKeyID       string                `json:",omitempty" msg:"-"`
}

// Key implements Object.
func (a *Allocation) Key() Key {
	if a == nil {
		return Key{Kind: KindAllocation}
	}
	return Key{Kind: KindAllocation, ID: a.ID}
}

// AllocationKey returns the key of an allocation.
func AllocationKey(id string) Key { return Key{Kind: KindAllocation, ID: id} }

// Index returns the number in the allocation's name, or −1 if it has none.
func (a *Allocation) Index() int {
	n := len(a.Name)
	if n == 0 || a.Name[n-1] != ']' {
		return -1
	}
	for i := n - 2; i >= 0; i-- {
		if a.Name[i] == '[' {
			v, err := strconv.Atoi(a.Name[i+1 : n-1])
			if err != nil {
				return -1
			}
			return v
		}
	}
	return -1
}

// AllocName returns the name of the allocation with that index in its group.
func AllocName(jobID, group string, index int) string {
	return jobID + "." + group + "[" + strconv.Itoa(index) + "]"
}

// WantsRun reports whether the servers want the allocation to run.
func (a *Allocation) WantsRun() bool { return a.DesiredStatus == AllocDesiredRun }

// MemoryLimitMB returns how much memory a task of the allocation may use, in MiB, if that is
// more than it reserves; else 0. It may only where placement granted it (see
// SchedulerConfiguration.MemoryOversubscriptionEnabled).
func (a *Allocation) MemoryLimitMB(t *Task) int {
	if t.Resources == nil || a.Usage.MemoryMaxMB == 0 {
		return 0
	}
	return Deref(t.Resources.MemoryMaxMB)
}

// IsCanary reports whether the allocation tries a version out that has not been
// promoted.
func (a *Allocation) IsCanary() bool { return a.DeploymentStatus != nil && a.DeploymentStatus.Canary }

// Usage is an amount of a node's resources.
type Usage struct {
	CPU         int64 `msg:"c"` // MHz
	Cores       int64 `msg:"k"`
	MemoryMB    int64 `msg:"m"`
	MemoryMaxMB int64 `msg:"x"`
	DiskMB      int64 `msg:"d"`
}

// Add returns the sum of two usages.
func (u Usage) Add(v Usage) Usage {
	return Usage{u.CPU + v.CPU, u.Cores + v.Cores, u.MemoryMB + v.MemoryMB, u.MemoryMaxMB + v.MemoryMaxMB, u.DiskMB + v.DiskMB}
}

// Sub returns the difference of two usages.
func (u Usage) Sub(v Usage) Usage {
	return Usage{u.CPU - v.CPU, u.Cores - v.Cores, u.MemoryMB - v.MemoryMB, u.MemoryMaxMB - v.MemoryMaxMB, u.DiskMB - v.DiskMB}
}

// DesiredTransition is what should happen to an allocation besides running or
// stopping. It is a request: the job controller answers it.
type DesiredTransition struct {
	Migrate                 *bool `msg:"m"`
	Reschedule              *bool `msg:"r"` // the allocation controller: replace this failed or lost one now
	ForceReschedule         *bool `msg:"f"`
	NoShutdownDelay         *bool `msg:"n"`
	MigrateDisablePlacement *bool `msg:"d"`
	// MigrateWhenPlaced goes with Migrate: the allocation runs on until there is room
	// for its successor. The drain controller sets it, until the drain's deadline.
	// drover's own.
	MigrateWhenPlaced *bool `json:",omitempty" form:"own" msg:"w"`
}

// AllocDeploymentStatus is how an allocation does in its deployment.
type AllocDeploymentStatus struct {
	Healthy     *bool // nil: not known yet
	Timestamp   *time.Time
	Canary      bool
	ModifyIndex uint64
}

// RescheduleTracker is the history of an allocation's predecessors that failed.
type RescheduleTracker struct {
	Events         []*RescheduleEvent
	LastReschedule string // ok or no
}

// RescheduleEvent is one replacement of a failed allocation.
type RescheduleEvent struct {
	RescheduleTime int64 // Unix nanoseconds
	PrevAllocID    string
	PrevNodeID     string
	Delay          time.Duration
}

// AllocatedPort is a port that an allocation got on its node.
type AllocatedPort struct {
	Label           string
	Value           int
	To              int `json:",omitempty"`
	HostIP          string
	HostNetwork     string `json:"-"`
	IgnoreCollision bool   `json:",omitempty"`
}

// Inside returns the number of the port inside of the allocation's network.
func (p AllocatedPort) Inside() int {
	if p.To > 0 {
		return p.To
	}
	return p.Value
}

// AllocatedResources is what an allocation got, task by task.
type AllocatedResources struct {
	Tasks          map[string]*AllocatedTaskResources
	TaskLifecycles map[string]*TaskLifecycle
	Shared         AllocatedSharedResources
}

// AllocatedTaskResources is what one task got.
type AllocatedTaskResources struct {
	Cpu      AllocatedCPUResources
	Memory   AllocatedMemoryResources
	Networks []*NetworkResource
	Devices  []*AllocatedDeviceResource
}

// AllocatedCPUResources is in MHz, or whole cores.
type AllocatedCPUResources struct {
	CpuShares     int64
	ReservedCores []uint16
}

// AllocatedMemoryResources is in MiB.
type AllocatedMemoryResources struct {
	MemoryMB    int64
	MemoryMaxMB int64
}

// AllocatedDeviceResource is some devices of one kind.
type AllocatedDeviceResource struct {
	Vendor    string
	Type      string
	Name      string
	DeviceIDs []string
}

// AllocatedSharedResources is what the tasks of an allocation share.
type AllocatedSharedResources struct {
	DiskMB   int64
	Networks []*NetworkResource
	Ports    []AllocatedPort
}

// AllocNetworkStatus is how an allocation can be reached.
type AllocNetworkStatus struct {
	InterfaceName string
	Address       string
	AddressIPv6   string
	DNS           *DNSConfig
}

// AllocationMetric says how placement was decided, or why it could not be.
type AllocationMetric struct {
	NodesEvaluated     int                   `msg:"ev"`
	NodesFiltered      int                   `msg:"fi"`
	NodesInPool        int                   `msg:"pl"`
	NodePool           string                `msg:"pn"`
	NodesAvailable     map[string]int        `msg:"av"` // by datacenter
	ClassFiltered      map[string]int        `msg:"cf"`
	ConstraintFiltered map[string]int        `msg:"of"`
	NodesExhausted     int                   `msg:"ex"`
	ClassExhausted     map[string]int        `msg:"cx"`
	DimensionExhausted map[string]int        `msg:"dx"`
	QuotaExhausted     []string              `msg:"qx"`
	ResourcesExhausted map[string]*Resources `msg:"rx"`
	Scores             map[string]float64    `msg:"sc"` // older form of ScoreMetaData
	AllocationTime     time.Duration         `msg:"at"`
	CoalescedFailures  int                   `msg:"co"` // further instances that failed for the same reason
	ScoreMetaData      []*NodeScoreMeta      `msg:"sm"` // the best nodes, best first
	// Gang says of a group that is placed as a whole or not at all how many would have
	// found room. drover's own.
	Gang string `json:",omitempty" msg:"ga"`
}

// EncodedMetric is an AllocationMetric in its stored form. It is a large part of an
// allocation and hardly ever read, so an allocation is read without decoding it.
type EncodedMetric []byte

// Encode returns the stored form; that of nil is empty.
func (m *AllocationMetric) Encode() EncodedMetric {
	if m == nil {
		return nil
	}
	b, err := m.MarshalMsg(nil)
	if err != nil { // it has no fields whose codec can fail
		panic(fmt.Sprintf("encode how placement was decided: %v", err))
	}
	return b
}

// Decode returns the metric; nil if there is none, or it can't be read.
func (e EncodedMetric) Decode() *AllocationMetric {
	if len(e) == 0 {
		return nil
	}
	m := &AllocationMetric{}
	if _, err := m.UnmarshalMsg(e); err != nil {
		return nil
	}
	return m
}

// MarshalMsg appends the stored form as it is.
func (e EncodedMetric) MarshalMsg(b []byte) ([]byte, error) {
	if len(e) == 0 {
		return msgp.AppendNil(b), nil
	}
	return append(b, e...), nil
}

// UnmarshalMsg copies the stored form.
func (e *EncodedMetric) UnmarshalMsg(b []byte) ([]byte, error) {
	rest, err := msgp.Skip(b)
	if err != nil {
		return b, err
	}
	*e = nil
	if !msgp.IsNil(b) {
		*e = append(*e, b[:len(b)-len(rest)]...)
	}
	return rest, nil
}

// Msgsize returns how many bytes MarshalMsg appends at most.
func (e EncodedMetric) Msgsize() int { return msgp.NilSize + len(e) }

// NodeScoreMeta is the score of one node and its parts.
type NodeScoreMeta struct {
	NodeID    string             `msg:"n"`
	Scores    map[string]float64 `msg:"s"`
	NormScore float64            `msg:"f"`
}

// AllocationListStub is an allocation in a list.
type AllocationListStub struct {
	ID                    string
	EvalID                string
	Name                  string
	Namespace             string
	NodeID                string
	NodeName              string
	JobID                 string
	JobType               string
	JobVersion            uint64
	TaskGroup             string
	AllocatedResources    *AllocatedResources `json:",omitempty"`
	DesiredStatus         string
	DesiredDescription    string
	DesiredTransition     DesiredTransition
	ClientStatus          string
	ClientDescription     string
	TaskStates            map[string]*TaskState
	DeploymentStatus      *AllocDeploymentStatus
	FollowupEvalID        string
	NextAllocation        string
	RescheduleTracker     *RescheduleTracker
	PreemptedAllocations  []string
	PreemptedByAllocation string
	CreateIndex           uint64
	ModifyIndex           uint64
	CreateTime            int64
	ModifyTime            int64
}
