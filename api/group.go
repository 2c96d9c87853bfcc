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
	// Indexed and Gang are drover's own; see docs/jobspec.md.
	Indexed *IndexedStrategy `json:",omitempty" form:"own"`
	Gang    *bool            `json:",omitempty" form:"own"` // all instances are placed at once, or none
}

// IndexedStrategy makes a batch group an array job: instances with the numbers 0 to
// Completions−1, each of which has to complete once, at most Parallelism of them at a
// time. It takes the place of the group's count. drover's own.
type IndexedStrategy struct {
	Completions *int
	Parallelism *int // nil: all at once
	// Attempts is how often one index may be tried again after it failed; nil: as the
	// group's reschedule policy says.
	Attempts *int
	// MaxFailed is how many indexes may fail for good before the job is ended as failed;
	// nil: all others are finished first.
	MaxFailed *int
}

// MaxGang is how many instances may be placed at once or not at all: they are written in
// one transaction.
const MaxGang = 1000

// IndexedRetryInterval is the interval of the reschedule policy of an indexed group whose
// block says how many attempts an index has: they count for as long as the job goes on.
const IndexedRetryInterval = 100 * 365 * 24 * time.Hour

// Task returns the task of that name, or nil.
func (g *TaskGroup) Task(name string) *Task {
	for _, t := range g.Tasks {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// EphemeralDisk is what an allocation has of its node's disk.
type EphemeralDisk struct {
	// Sticky says that who follows an allocation is placed on its node if that will do, and
	// takes over its files: alloc/data and the local directories of its tasks.
	Sticky *bool
	// Migrate says the same, and that its files are fetched if it comes to another node.
	Migrate *bool
	SizeMB  *int // MiB
}

// Stays reports whether who follows an allocation would like to have its files.
func (d *EphemeralDisk) Stays() bool { return d != nil && (Deref(d.Sticky) || Deref(d.Migrate)) }

// Moves reports whether that is so also on another node.
func (d *EphemeralDisk) Moves() bool { return d != nil && Deref(d.Migrate) }

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

// Consul says which Consul a group or task uses.
type Consul struct {
	Namespace string
	Cluster   string
	Partition string
}
