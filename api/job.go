package api

import (
	"slices"
	"strings"
	"time"
)

// Types of a job.
const (
	JobTypeService  = "service"  // runs until stopped
	JobTypeBatch    = "batch"    // runs to completion
	JobTypeSystem   = "system"   // one instance on every feasible node, until stopped
	JobTypeSysBatch = "sysbatch" // one instance on every feasible node, to completion
)

// States of a job.
const (
	JobStatusPending = "pending" // nothing placed yet
	JobStatusRunning = "running" // has live allocations, or waits to place or launch some
	JobStatusDead    = "dead"    // stopped, or everything ended
)

// Names of the built-in objects, and what a jobspec gets when it names none.
const (
	DefaultNamespace = "default"
	DefaultRegion    = "global"
	DefaultNodePool  = "default"
	AllNodePool      = "all"

	DefaultJobPriority = 50
	MaxJobPriority     = 100
)

// Job is what the user asks to be run: the current version of the spec.
//
// Fields that are pointers may be left out of a jobspec; Canonicalize fills them
// in, and every Job in the store is canonical. Status, StatusDescription, Stable
// and JobModifyIndex are joined in at the HTTP edge from JobStatus and JobVersion.
type Job struct {
	Region                   *string
	Namespace                *string
	ID                       *string
	Name                     *string
	Type                     *string
	Priority                 *int
	AllAtOnce                *bool
	Datacenters              []string
	NodePool                 *string
	Constraints              []*Constraint
	Affinities               []*Affinity
	TaskGroups               []*TaskGroup
	Update                   *UpdateStrategy
	Multiregion              *Multiregion
	Spreads                  []*Spread
	Periodic                 *PeriodicConfig
	ParameterizedJob         *ParameterizedJobConfig
	Reschedule               *ReschedulePolicy `json:",omitzero"` // jobspec only: Canonicalize moves it to the groups
	Migrate                  *MigrateStrategy  `json:",omitzero"` // jobspec only: Canonicalize moves it to the groups
	Meta                     map[string]string
	UI                       *JobUIConfig
	Stop                     *bool
	ParentID                 *string
	DispatchIdempotencyToken *string
	Dispatched               bool
	Payload                  []byte
	// DependsOn, Deadline and TTLAfterFinished are drover's own; see docs/jobspec.md.
	DependsOn        []*JobDependency `json:",omitempty" form:"own"`
	Deadline         *time.Duration   `json:",omitempty" form:"own"` // a batch job that has not ended this long after it was submitted is stopped
	TTLAfterFinished *time.Duration   `json:",omitempty" form:"own"` // a batch job is removed this long after it ended
	ConsulNamespace  *string
	VaultNamespace   *string
	NomadTokenID     *string
	Version          *uint64
	VersionTag       *JobVersionTag
	SubmitTime       *int64 // Unix nanoseconds

	Status            *string `msg:"-"`
	StatusDescription *string `msg:"-"`
	Stable            *bool   `msg:"-"`
	CreateIndex       *uint64 `msg:"-"`
	ModifyIndex       *uint64 `msg:"-"`
	JobModifyIndex    *uint64 `msg:"-"` // the index at which the spec was last written; what -check-index compares
}

// Key implements Object.
func (j *Job) Key() Key {
	if j == nil {
		return Key{Kind: KindJob}
	}
	return JobKey(Deref(j.Namespace), Deref(j.ID))
}

// Indexes implements Object.
func (j *Job) Indexes() (create, modify uint64) { return Deref(j.CreateIndex), Deref(j.JobModifyIndex) }

// SetIndexes implements Object.
func (j *Job) SetIndexes(create, modify uint64) {
	j.CreateIndex, j.ModifyIndex, j.JobModifyIndex = new(create), new(modify), new(modify)
}

// JobKey returns the key of the current version of a job.
func JobKey(namespace, id string) Key { return Key{Kind: KindJob, Namespace: namespace, ID: id} }

// Group returns the task group of that name, or nil.
func (j *Job) Group(name string) *TaskGroup {
	for _, g := range j.TaskGroups {
		if Deref(g.Name) == name {
			return g
		}
	}
	return nil
}

// Stopped reports whether the user asked for the job to be stopped.
func (j *Job) Stopped() bool { return Deref(j.Stop) }

// IsSystem reports whether instances are placed per node instead of by count.
func (j *Job) IsSystem() bool {
	t := Deref(j.Type)
	return t == JobTypeSystem || t == JobTypeSysBatch
}

// IsBatch reports whether instances run to completion.
func (j *Job) IsBatch() bool {
	t := Deref(j.Type)
	return t == JobTypeBatch || t == JobTypeSysBatch
}

// IsTemplate reports whether the job itself places nothing but is the pattern of
// children that are launched on time or dispatched.
func (j *Job) IsTemplate() bool { return j.Periodic != nil || j.IsDispatchable() }

// IsDispatchable reports whether children of the job are made by dispatching it. A
// child keeps the block, and is not dispatched again.
func (j *Job) IsDispatchable() bool { return j.ParameterizedJob != nil && !j.Dispatched }

// LaunchesOnTime reports whether children of the job are launched by the clock. Of a
// job that is also parameterized its dispatched children are.
func (j *Job) LaunchesOnTime() bool {
	return j.Periodic != nil && (j.Periodic.Enabled == nil || *j.Periodic.Enabled) && !j.IsDispatchable() && !j.Stopped()
}

// JobVersion is one version of a job as it was submitted, kept so that
// allocations of it can run, and so that it can be looked at and reverted to.
type JobVersion struct {
	ObjectMeta `msg:"-"`
	Job        *Job
	// Stable says that a deployment of this version was successful, or that the
	// user marked it so.
	Stable bool
	Tag    *JobVersionTag
}

// Key implements Object.
func (v *JobVersion) Key() Key {
	if v == nil || v.Job == nil {
		return Key{Kind: KindJobVersion}
	}
	return JobVersionKey(Deref(v.Job.Namespace), Deref(v.Job.ID), Deref(v.Job.Version))
}

// JobVersionKey returns the key of one version of a job.
func JobVersionKey(namespace, jobID string, version uint64) Key {
	return Key{Kind: KindJobVersion, Namespace: namespace, ID: VersionID(jobID, version)}
}

// JobVersionTag is a name that a user gave to a version of a job.
type JobVersionTag struct {
	Name        string
	Description string
	TaggedTime  int64
}

// JobStatus is what the job controller last saw of a job.
type JobStatus struct {
	ObjectMeta        `json:"-" msg:"-"`
	Namespace         string
	JobID             string
	Status            string
	StatusDescription string
	// Queued is, by task group, how many allocations are wanted but could not be
	// placed yet.
	Queued map[string]int
	// BlockedEval is the evaluation that says why, if any are queued.
	BlockedEval string
	// EndedAt is when the job became dead; 0 while it is not. Unix nanoseconds.
	EndedAt int64
	// EndedVersion is the version of the job that had ended at EndedAt. One that was
	// registered since has not been looked at yet, or goes on.
	EndedVersion uint64
	// Outcome says how a batch job ended: JobOutcomeComplete or JobOutcomeFailed;
	// empty while it goes on, and for one that was stopped before its end.
	Outcome string
	// Indexed is, by task group, how far indexed groups have got.
	Indexed map[string]*IndexProgress
}

// Ended reports whether the status says that a version of a job has ended. It may be
// nil: then it has not.
func (s *JobStatus) Ended(version uint64) bool {
	return s != nil && s.EndedAt != 0 && s.EndedVersion == version
}

// How a batch job ended.
const (
	JobOutcomeComplete = "complete" // every instance that was wanted completed
	JobOutcomeFailed   = "failed"   // some instance failed for good, or the deadline passed
)

// Key implements Object.
func (s *JobStatus) Key() Key {
	if s == nil {
		return Key{Kind: KindJobStatus}
	}
	return JobStatusKey(s.Namespace, s.JobID)
}

// JobStatusKey returns the key of a job's status.
func JobStatusKey(namespace, jobID string) Key {
	return Key{Kind: KindJobStatus, Namespace: namespace, ID: jobID}
}

// JobSubmission is the text that a version of a job was submitted as.
type JobSubmission struct {
	ObjectMeta    `json:"-" msg:"-"`
	Namespace     string
	JobID         string
	Version       uint64
	Source        string            // the jobspec as written
	Format        string            // hcl2 or json
	VariableFlags map[string]string // -var flags
	Variables     string            // contents of -var-file files
	// JobModifyIndex is that of the version of the job: both are written at once.
	JobModifyIndex uint64 `msg:"-"`
}

// SetIndexes implements Object.
func (s *JobSubmission) SetIndexes(create, modify uint64) {
	s.ObjectMeta.SetIndexes(create, modify)
	s.JobModifyIndex = create
}

// Key implements Object.
func (s *JobSubmission) Key() Key {
	if s == nil {
		return Key{Kind: KindJobSubmission}
	}
	return Key{Kind: KindJobSubmission, Namespace: s.Namespace, ID: VersionID(s.JobID, s.Version)}
}

// PeriodicConfig launches a job on time.
type PeriodicConfig struct {
	Enabled         *bool
	Spec            *string
	Specs           []string
	SpecType        *string
	ProhibitOverlap *bool
	TimeZone        *string
}

// Crons returns the crons, in whichever of the two forms they were given.
func (p *PeriodicConfig) Crons() []string {
	if spec := Deref(p.Spec); spec != "" {
		return append([]string{spec}, p.Specs...)
	}
	return slices.Clone(p.Specs)
}

// Schedule returns the crons and the zone as one text, by which a schedule is told from
// another.
func (p *PeriodicConfig) Schedule() string {
	return strings.Join(append(p.Crons(), Deref(p.TimeZone)), "; ")
}

// ParameterizedJobConfig makes a job a pattern that is dispatched with arguments.
type ParameterizedJobConfig struct {
	Payload      string // optional, required or forbidden
	MetaRequired []string
	MetaOptional []string
	// MaxConcurrent is how many dispatched children may run at once; the others wait,
	// by priority and age. Nil: any number. drover's own.
	MaxConcurrent *int `json:",omitempty" form:"own"`
}

// What a dependency of a job waits for.
const (
	DependsOnSuccess    = "success"    // the batch job ended, and all of it completed
	DependsOnCompletion = "completion" // the batch job ended, whatever came of it
	DependsOnFailure    = "failure"    // the batch job ended and failed
	DependsOnHealthy    = "healthy"    // the latest version of the service is rolled out and healthy
)

// JobDependency lets a job begin only when another one has got somewhere. drover's
// own.
type JobDependency struct {
	Job       string // ID
	Namespace string // of the other job; that of this one if empty
	Condition string // DependsOn…; "" means success for a batch job and healthy for a service
}

// Key returns the key of the job that a dependency of j names.
func (d *JobDependency) Key(j *Job) Key {
	namespace := d.Namespace
	if namespace == "" {
		namespace = Deref(j.Namespace)
	}
	return JobKey(namespace, d.Job)
}

// JobUIConfig is shown by the web console.
type JobUIConfig struct {
	Description string
	Links       []*JobUILink
}

// JobUILink is a link that the web console shows with a job.
type JobUILink struct {
	Label string
	URL   string
}

// Multiregion spreads a job over regions.
type Multiregion struct {
	Strategy *MultiregionStrategy
	Regions  []*MultiregionRegion
}

// MultiregionStrategy says how a multiregion job is rolled out.
type MultiregionStrategy struct {
	MaxParallel *int
	OnFailure   *string
}

// MultiregionRegion is a job's setting for one region.
type MultiregionRegion struct {
	Name        string
	Count       *int
	Datacenters []string
	NodePool    string
	Meta        map[string]string
}

// Constraint is a rule that a node must meet.
type Constraint struct {
	LTarget string // left side: ${attr.kernel.name}
	RTarget string // right side: linux
	Operand string // =, !=, <, <=, >, >=, regexp, version, semver, set_contains, is_set, …
}

// Affinity is a rule that a node should meet.
type Affinity struct {
	LTarget string
	RTarget string
	Operand string
	Weight  *int8 // −100 to 100, without 0
}

// Spread asks for instances to be spread over the values of an attribute.
type Spread struct {
	Attribute    string
	Weight       *int8
	SpreadTarget []*SpreadTarget
}

// SpreadTarget is the share that one value of the attribute should get.
type SpreadTarget struct {
	Value   string
	Percent uint8
}

// UpdateStrategy says how a new version of a group is rolled out.
type UpdateStrategy struct {
	Stagger          *time.Duration
	MaxParallel      *int // how many instances may be in the air at once; 0 means all
	HealthCheck      *string
	MinHealthyTime   *time.Duration
	HealthyDeadline  *time.Duration
	ProgressDeadline *time.Duration // 0: fail at the first unhealthy instance
	Canary           *int
	AutoRevert       *bool
	AutoPromote      *bool
}

// What an instance's health is judged by.
const (
	HealthCheckChecks     = "checks"
	HealthCheckTaskStates = "task_states"
	HealthCheckManual     = "manual"
)

// MigrateStrategy says how instances leave a draining node.
type MigrateStrategy struct {
	MaxParallel     *int
	HealthCheck     *string
	MinHealthyTime  *time.Duration
	HealthyDeadline *time.Duration
}

// Deref returns what p points to, or the zero value.
func Deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
