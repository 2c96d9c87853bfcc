package api

import "time"

// TaskGroup is placed as a whole on one node; its tasks share a directory and a
// network. Count instances of it are run.
type TaskGroup struct {
	Name                      *string
	Count                     *int
	Constraints               []*Constraint
	Affinities                []*Affinity
	Tasks                     []*Task
	Spreads                   []*Spread
	Volumes                   map[string]*VolumeRequest
	RestartPolicy             *RestartPolicy
	Disconnect                *DisconnectStrategy
	ReschedulePolicy          *ReschedulePolicy
	EphemeralDisk             *EphemeralDisk
	Update                    *UpdateStrategy
	Migrate                   *MigrateStrategy
	Networks                  []*NetworkResource
	Meta                      map[string]string
	Services                  []*Service
	ShutdownDelay             *time.Duration
	StopAfterClientDisconnect *time.Duration
	MaxClientDisconnect       *time.Duration
	MaxRunDuration            *time.Duration
	Scaling                   *ScalingPolicy
	Consul                    *Consul
	PreventRescheduleOnLost   *bool
}

// Task returns the task of that name, or nil.
func (g *TaskGroup) Task(name string) *Task {
	for _, t := range g.Tasks {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// EphemeralDisk is the shared directory of an allocation.
type EphemeralDisk struct {
	Sticky  *bool
	Migrate *bool
	SizeMB  *int // MiB
}

// Modes of a RestartPolicy: what happens when the attempts are used up.
const (
	RestartModeFail  = "fail"  // the task fails
	RestartModeDelay = "delay" // the task waits for the next interval
)

// RestartPolicy says how the node agent restarts a task that ended.
type RestartPolicy struct {
	Interval        *time.Duration
	Attempts        *int // in one interval
	Delay           *time.Duration
	Mode            *string
	RenderTemplates *bool
}

// Functions by which the delay between reschedule attempts grows.
const (
	DelayConstant    = "constant"
	DelayExponential = "exponential"
	DelayFibonacci   = "fibonacci"
)

// ReschedulePolicy says when an allocation that failed is replaced, most likely on
// another node.
type ReschedulePolicy struct {
	Attempts      *int
	Interval      *time.Duration
	Delay         *time.Duration
	DelayFunction *string
	MaxDelay      *time.Duration
	Unlimited     *bool
}

// DisconnectStrategy says what happens to instances on a node that lost contact.
type DisconnectStrategy struct {
	LostAfter         *time.Duration
	StopOnClientAfter *time.Duration
	Replace           *bool
	Reconcile         *string
}

// VolumeRequest asks for a volume.
type VolumeRequest struct {
	Name           string
	Type           string
	Source         string
	ReadOnly       bool
	Sticky         bool
	AccessMode     string
	AttachmentMode string
	MountOptions   *CSIMountOptions
	PerAlloc       bool
}

// CSIMountOptions are passed to a storage plugin.
type CSIMountOptions struct {
	FSType     string
	MountFlags []string
}

// VolumeMount puts a requested volume into a task.
type VolumeMount struct {
	Volume          *string
	Destination     *string
	ReadOnly        *bool
	PropagationMode *string
	SELinuxLabel    *string
}

// ScalingPolicy bounds and steers the count of a group or a task's resources.
type ScalingPolicy struct {
	ID          string
	Namespace   string
	Type        string
	Target      map[string]string
	Min         *int64
	Max         *int64
	Policy      Values
	Enabled     *bool
	CreateIndex uint64
	ModifyIndex uint64
}

// Consul says which Consul a group or task uses.
type Consul struct {
	Namespace string
	Cluster   string
	Partition string
}
