// Package driver is the contract between the node agent and whatever runs tasks.
// A driver implements Driver, at most eight methods; what only some can do is a
// further small interface found by type assertion (Finder, Signaler, Statter, Executor,
// Rooter, Mounter, Networker, NetworkOwner, Watcher).
// Every driver passes the suite in drivertest.
//
// What a driver keeps on disk is in the StateDir of the Task; everything that it needs
// to find a task again after the node agent was killed is in the Handle that Start
// returns.
package driver

import (
	"context"
	"errors"
	"time"

	"github.com/droverhq/drover/api"
)

// Driver runs tasks of one kind. All methods may be called concurrently, for
// different tasks.
type Driver interface {
	// Name is what jobspecs say: raw_exec.
	Name() string
	// Fingerprint says whether the driver works on this machine, with the node
	// attributes that it adds (driver.raw_exec = "1").
	Fingerprint(ctx context.Context) api.DriverInfo
	// Validate checks a task's config block when the job is started on the node.
	Validate(config map[string]any) error
	// Start starts a task and returns how to find it again. It returns before the
	// task ends; an error means that nothing runs. A task is started once: when an
	// earlier Start with the same ID and StateDir got through, be it of a node agent
	// that was killed before it learned of it, Start returns the handle of that task,
	// running or ended, until Destroy.
	Start(ctx context.Context, task Task) (Handle, error)
	// Recover finds a task that an earlier process of the node agent started, running
	// or ended: Wait tells which. ErrTaskGone: it can't be found and its exit result
	// is lost. A Start whose Handle was never stored is looked for with Find.
	Recover(ctx context.Context, h Handle) error
	// Wait blocks until the task has ended, however often and by however many it is
	// called, also after the end, until Destroy.
	Wait(ctx context.Context, h Handle) (ExitResult, error)
	// Stop asks the task to end with the signal, and kills it, with everything that
	// it started, when it has not ended after grace. It returns when it has ended.
	Stop(ctx context.Context, h Handle, signal string, grace time.Duration) error
	// Destroy frees what is left of an ended task (and kills one that has not ended).
	// It needs no Recover before it, and does nothing the second time.
	Destroy(ctx context.Context, h Handle) error
}

// Finder is a driver whose tasks outlive the node agent. An agent that was killed
// between asking for a task's start and storing its handle asks Find what became of
// it.
type Finder interface {
	// Find returns the handle that the Start of this Task (same ID and StateDir, the
	// rest may be missing) returned or would have returned, of a task that runs or has
	// ended; it needs no Recover. ErrTaskGone: nothing was started, and nothing will
	// be: a straggler of that Start finds that its StateDir has been given up, because
	// the agent starts the task again under another ID and StateDir.
	Find(ctx context.Context, task Task) (Handle, error)
}

// Signaler is a driver that can send a signal to a running task.
type Signaler interface {
	Signal(ctx context.Context, h Handle, signal string) error
}

// Statter is a driver that knows what a running task uses.
type Statter interface {
	Stats(ctx context.Context, h Handle) (Stats, error)
}

// Stats is what a task uses now.
type Stats struct {
	MemoryRSS  uint64        // bytes
	CPUTime    time.Duration // user and system, since the start
	CPUUser    time.Duration
	CPUSystem  time.Duration
	PIDs       int
	MeasuredAt time.Time
}

// ErrEnded says that a task has ended, and can't be given a signal or a command.
var ErrEnded = errors.New("the task has ended")

// ErrTaskGone says that a task can't be found again.
var ErrTaskGone = errors.New("task is gone and its exit status is unknown")

// Task is everything that a driver needs to start a task. Interpolation has been
// done.
type Task struct {
	ID        string // unique on the node: ALLOCID/TASK/ATTEMPT
	AllocID   string
	JobID     string
	JobName   string
	GroupName string
	Namespace string // of the job
	NodeID    string
	NodeName  string
	Name      string
	User      string
	Config    map[string]any
	Env       map[string]string
	Resources api.AllocatedTaskResources
	// CPUShare is how much of the node's CPU time Resources are: 0.25 is a quarter of all
	// its cores. 0: it is not known.
	CPUShare float64
	// Dir is the task's own directory (cwd unless the config says otherwise); StateDir
	// is a directory, made by the agent, of this start of the task alone, in which the
	// driver may keep what it needs until Destroy. Its path is short.
	Dir      string
	StateDir string
	AllocDir string
	// SecretsDir is the task's, on the node.
	SecretsDir string
	Stdout     LogFile
	Stderr     LogFile
	Ports      []api.AllocatedPort
	Mounts     []Mount // for a Mounter
	Network    Network // for a Networker
}

// LogFile says where an output of a task goes: Dir/Prefix.0, .1, … rotated when
// one reaches MaxBytes, at most MaxFiles kept.
type LogFile struct {
	Dir      string
	Prefix   string // server.stdout
	MaxFiles int
	MaxBytes int64
	Disabled bool
}

// Handle finds a started task again. It is stored by the node agent.
type Handle struct {
	Driver string
	TaskID string
	// StateDir is the task's, as it was given to Start.
	StateDir string
	Version  int    // of State's form
	State    []byte // the driver's own
	// Started is when the task was started; PID its process, for messages (0 if there is none).
	Started time.Time
	PID     int
}

// ExitResult is how a task ended. ExitCode is 128 + Signal when a signal ended it.
type ExitResult struct {
	ExitCode   int
	Signal     int // that ended it, or 0
	OOMKilled  bool
	FinishedAt time.Time
	// Err says why the task ended as it did, if its exit code does not tell, or that this
	// could not be learned.
	Err string
}

// Successful reports whether the task ended well.
func (r ExitResult) Successful() bool {
	return r.ExitCode == 0 && r.Signal == 0 && !r.OOMKilled && r.Err == ""
}
