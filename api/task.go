package api

import "time"

// When a task with a lifecycle runs.
const (
	HookPrestart  = "prestart"
	HookPoststart = "poststart"
	HookPoststop  = "poststop"
)

// Task is one thing to run, by a driver.
type Task struct {
	Name            string
	Driver          string
	User            string
	Lifecycle       *TaskLifecycle
	Config          Values
	Constraints     []*Constraint
	Affinities      []*Affinity
	Env             map[string]string
	Services        []*Service
	Resources       *Resources
	RestartPolicy   *RestartPolicy
	Meta            map[string]string
	KillTimeout     *time.Duration
	LogConfig       *LogConfig
	Artifacts       []*TaskArtifact
	Vault           *Vault
	Consul          *Consul
	Templates       []*Template
	DispatchPayload *DispatchPayloadConfig
	VolumeMounts    []*VolumeMount
	CSIPluginConfig *TaskCSIPluginConfig `form:"stored"`
	Leader          bool
	ShutdownDelay   time.Duration
	KillSignal      string
	Kind            string
	ScalingPolicies []*ScalingPolicy
	Secrets         []*Secret
	Identity        *WorkloadIdentity
	Identities      []*WorkloadIdentity
	Actions         []*Action
	Schedule        *TaskSchedule
}

// IsMain reports whether the task is one that the group lives for, not one that
// runs before, beside or after them.
func (t *Task) IsMain() bool { return t.Lifecycle == nil || t.Lifecycle.Hook == "" }

// IsSidecar reports whether the task runs beside the main tasks, for as long as they do.
func (t *Task) IsSidecar() bool { return t.Lifecycle != nil && t.Lifecycle.Sidecar }

// TaskLifecycle says when a task runs, relative to the main tasks.
type TaskLifecycle struct {
	Hook    string
	Sidecar bool
}

// LogConfig bounds the log files of a task.
type LogConfig struct {
	MaxFiles      *int
	MaxFileSizeMB *int  // MiB
	Enabled       *bool `json:",omitzero"` // older form of Disabled; jobspec only
	Disabled      *bool
}

// DispatchPayloadConfig puts the payload of a dispatched job into a file.
type DispatchPayloadConfig struct {
	File string
}

// Resources is what a task asks for.
type Resources struct {
	CPU         *int // MHz
	Cores       *int
	MemoryMB    *int // MiB, reserved
	MemoryMaxMB *int // MiB, limit; 0 means MemoryMB
	DiskMB      *int // MiB; set for a whole group by its ephemeral disk
	Networks    []*NetworkResource
	Devices     []*RequestedDevice
	NUMA        *NUMAResource
	SecretsMB   *int // MiB
	IOPS        *int // without effect, kept for old jobspecs
}

// RequestedDevice asks for devices of a kind: vendor/type/name.
type RequestedDevice struct {
	Name        string
	Count       *uint64
	Constraints []*Constraint
	Affinities  []*Affinity
}

// How near to each other cores are to be.
const (
	NUMANone    = "none"    // anywhere
	NUMAPrefer  = "prefer"  // near, if there are such
	NUMARequire = "require" // on one NUMA node
)

// NUMAResource says how cores are to be chosen.
type NUMAResource struct {
	Affinity string   // NUMANone, NUMAPrefer or NUMARequire
	Devices  []string // of the task's devices: those that are to be near its cores
}

// TaskArtifact is fetched before a task starts.
type TaskArtifact struct {
	GetterSource   *string
	GetterOptions  map[string]string
	GetterHeaders  map[string]string
	GetterMode     *string
	GetterInsecure *bool
	RelativeDest   *string
	Chown          bool
}

// Template is rendered into a file before a task starts and when its inputs change.
type Template struct {
	SourcePath    *string
	DestPath      *string
	EmbeddedTmpl  *string
	ChangeMode    *string
	ChangeScript  *ChangeScript
	ChangeSignal  *string
	Once          *bool
	Splay         *time.Duration
	Perms         *string
	Uid           *int
	Gid           *int
	LeftDelim     *string
	RightDelim    *string
	Envvars       *bool
	VaultGrace    *time.Duration
	Wait          *WaitConfig
	ErrMissingKey *bool
}

// What is done when a template of a task was rendered anew.
const (
	ChangeRestart   = "restart" // the task starts again; also when nothing is said
	ChangeSignal    = "signal"
	ChangeRunScript = "script"
	ChangeNoop      = "noop"
)

// ChangeScript is run in a task when a template of it changed.
type ChangeScript struct {
	Command     *string
	Args        []string
	Timeout     *time.Duration
	FailOnError *bool
}

// WaitConfig damps the rendering of a template.
type WaitConfig struct {
	Min *time.Duration
	Max *time.Duration
}

// Vault says which secrets a task may read.
type Vault struct {
	Policies             []string
	Role                 string
	Namespace            *string
	Cluster              string
	Env                  *bool
	DisableFile          *bool
	ChangeMode           *string
	ChangeSignal         *string
	AllowTokenExpiration *bool
}

// Secret is a value from a secret store that templates and env can use.
type Secret struct {
	Name     string
	Provider string
	Path     string
	Config   Values
	Env      map[string]string
}

// WorkloadIdentity is a signed token that says who a task or service is.
type WorkloadIdentity struct {
	Name         string
	Audience     []string
	ChangeMode   string
	ChangeSignal string
	Env          bool
	File         bool
	Filepath     string
	ServiceName  string
	TTL          time.Duration
	ExtraClaims  map[string]string
}

// Action is a command that can be run in a task on demand.
type Action struct {
	Name    string
	Command string
	Args    []string
}

// TaskSchedule pauses and resumes a task by the clock.
type TaskSchedule struct {
	Cron *TaskScheduleCron
}

// TaskScheduleCron is when a scheduled task runs.
type TaskScheduleCron struct {
	Start    string
	End      string
	Timezone string
}

// TaskCSIPluginConfig makes a task a storage plugin.
type TaskCSIPluginConfig struct {
	ID                  string
	Type                string
	MountDir            string
	StagePublishBaseDir string
	HealthTimeout       time.Duration
}
