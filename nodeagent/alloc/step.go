package alloc

import (
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
)

// Event is something that happened to an allocation.
type Event interface{ apply(l *Life, now time.Time) }

// The events.
type (
	// Begin starts an allocation's life. It is the first event of a new Life.
	Begin struct{}
	// Stop says that the allocation is to end.
	Stop struct {
		NoShutdownDelay bool
		NoPoststop      bool // poststop tasks end too, and have no turn
	}
	// Abandon says that the agent has been out of contact for as long as the allocation
	// may be: it ends.
	Abandon struct{}
	// Overfull says that the allocation's files take more of the disk than its group may, in
	// bytes: it ends at once, and has failed.
	Overfull struct{ Used, Limit int64 }
	// Wanted says that the servers want a restored allocation to run.
	Wanted struct{}
	// Update brings the Spec of a newer version of the job with the same tasks, which
	// run on.
	Update struct{ Spec Spec }
	// Started says that the driver has started a task.
	Started struct {
		Task    string
		Attempt int
		Handle  driver.Handle
	}
	// StartFailed says that a task could not be started: nothing of it runs.
	StartFailed struct {
		Task        string
		Attempt     int
		Stage       Stage
		Message     string
		Recoverable bool // to try again may help
	}
	// Exited says that a task has ended.
	Exited struct {
		Task    string
		Attempt int
		Result  driver.ExitResult
	}
	// Recovered says that a task that may have been running before a crash still
	// can be asked about: it runs, or its exit result waits to be read.
	Recovered struct {
		Task    string
		Attempt int
		Handle  driver.Handle
	}
	// Gone says that a task that may have been running before a crash is not to be
	// found, and how it ended is not known.
	Gone struct {
		Task    string
		Attempt int
	}
	// Destroyed says that the driver has forgotten an ended start of a task.
	Destroyed struct{ Task, TaskID string }
	// NotDestroyed says that the driver can't forget it, and that this agent tries no more.
	NotDestroyed struct{ Task, TaskID string }
	// Timer says that the time of a SetTimer has come. Task is empty for the group's.
	Timer struct{ Task string }
	// Restart asks for tasks that run to be started again: one, or all.
	Restart struct {
		Task string // empty: all
		// Attempt is the start that is meant: one that has ended is past restarting. 0: any.
		Attempt int
		Reason  string
		// Unwell says that what runs has failed at what it is for: it is started again
		// only as the restart policy allows.
		Unwell bool
	}
	// RestartAll asks for the tasks to run again from the first on, in the order of their
	// lifecycle, also those that have ended.
	RestartAll struct{ Reason string }
	// Noted adds an event to those of a task that has not ended.
	Noted struct {
		Task  string
		Event *api.TaskEvent
	}
	// Fail ends a task that runs for good: it has failed, whatever its restart policy.
	// Attempt is the start that is meant, as in Restart.
	Fail struct {
		Task    string
		Attempt int
		Reason  string
	}
	// Signaled notes that a signal has been sent to a task on a user's behalf.
	Signaled struct{ Task, Signal, Reason string }
)

// Stage is where starting a task failed.
type Stage string

// The stages.
const (
	StageValidate Stage = "validate" // its config is wrong
	StageSetup    Stage = "setup"    // what it needs could not be prepared
	StageArtifact Stage = "artifact" // what it needs could not be fetched
	StageDriver   Stage = "driver"   // the driver could not start it
)

// Action is what whoever drives a Life has to do. The Actions of one task are
// carried out one after the other, in order; those of different tasks need not be.
type Action interface {
	// Early reports whether the action may be carried out before the Record is stored.
	Early() bool
	// About is the task's name, empty for the group.
	About() string
}

// The actions.
type (
	// StartTask: prepare and start the task; answer Started or StartFailed, and
	// Exited when it has ended.
	StartTask struct {
		Task    string
		Attempt int
	}
	// AbortStart: the task that is being started is not wanted any more; answer the
	// StartTask soon, one way or the other. It is not queued behind it.
	AbortStart struct{ Task string }
	// RecoverTask: look whether the task that was started before a crash is there;
	// answer Recovered or Gone, and after Recovered Exited when it has ended. Handle
	// is nil if the crash was in StartTask (see driver.Finder).
	RecoverTask struct {
		Task    string
		Attempt int
		Handle  *driver.Handle
	}
	// StopTask: end the task; the answer is its Exited.
	StopTask struct {
		Task   string
		Handle driver.Handle
		Signal string
		Grace  time.Duration
	}
	// DestroyTask: free what the ended task left with its driver; answer Destroyed or
	// NotDestroyed.
	DestroyTask struct {
		Task   string
		Handle driver.Handle
	}
	// SetTimer: answer Timer at that time. A later one replaces it.
	SetTimer struct {
		Task string
		At   time.Time
	}
)

// Early implements Action.
func (StartTask) Early() bool { return false }

// Early implements Action.
func (AbortStart) Early() bool { return true }

// Early implements Action.
func (RecoverTask) Early() bool { return false }

// Early implements Action.
func (StopTask) Early() bool { return true }

// Early implements Action.
func (DestroyTask) Early() bool { return false }

// Early implements Action.
func (SetTimer) Early() bool { return false }

// About implements Action.
func (a StartTask) About() string { return a.Task }

// About implements Action.
func (a AbortStart) About() string { return a.Task }

// About implements Action.
func (a RecoverTask) About() string { return a.Task }

// About implements Action.
func (a StopTask) About() string { return a.Task }

// About implements Action.
func (a DestroyTask) About() string { return a.Task }

// About implements Action.
func (a SetTimer) About() string { return a.Task }
