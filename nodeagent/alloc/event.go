package alloc

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
)

// note adds an event to a task's state, of which the latest are kept.
func (t *task) note(e *api.TaskEvent) {
	events := append(slices.Clone(t.State.Events), e) // published states share the old ones
	if n := len(events) - api.MaxTaskEvents; n > 0 {
		events = slices.Delete(events, 0, n)
	}
	t.State.Events = events
}

func event(kind string, at time.Time, display string) *api.TaskEvent {
	return &api.TaskEvent{Type: kind, Time: at.UnixNano(), DisplayMessage: display, Details: map[string]string{}}
}

func received(at time.Time) *api.TaskEvent {
	return event(api.EventReceived, at, "Task received by client")
}

func buildingDir(at time.Time) *api.TaskEvent {
	e := event(api.EventTaskSetup, at, "Building Task Directory")
	e.Message = e.DisplayMessage
	e.Details["message"] = e.Message
	return e
}

func startedEvent(at time.Time) *api.TaskEvent {
	return event(api.EventStarted, at, "Task started by client")
}

func terminated(r driver.ExitResult, at time.Time) *api.TaskEvent {
	display := "Exit Code: " + strconv.Itoa(r.ExitCode)
	if r.Signal != 0 {
		display += ", Signal: " + strconv.Itoa(r.Signal)
	}
	if r.OOMKilled {
		display += ", Out of memory"
	}
	e := event(api.EventTerminated, at, display)
	if r.Err != "" {
		e.DisplayMessage += fmt.Sprintf(", Exit Message: %q", r.Err)
		e.Message = r.Err
		e.Details["exit_message"] = r.Err
	}
	e.ExitCode, e.Signal = r.ExitCode, r.Signal
	e.Details["exit_code"] = strconv.Itoa(r.ExitCode)
	e.Details["signal"] = strconv.Itoa(r.Signal)
	e.Details["oom_killed"] = strconv.FormatBool(r.OOMKilled)
	return e
}

func startFailure(f StartFailed, at time.Time) *api.TaskEvent {
	switch f.Stage {
	case StageValidate:
		e := event(api.EventValidation, at, f.Message)
		e.ValidationError = f.Message
		e.Details["validation_error"] = f.Message
		return e
	case StageSetup:
		e := event(api.EventSetupFailure, at, f.Message)
		e.SetupError = f.Message
		e.Details["setup_error"] = f.Message
		return e
	case StageArtifact:
		e := event(api.EventDownload, at, f.Message)
		e.DownloadError = f.Message
		e.Details["download_error"] = f.Message
		return e
	}
	e := event(api.EventDriverFailure, at, f.Message)
	e.DriverError = f.Message
	e.Details["driver_error"] = f.Message
	return e
}

func restarting(reason string, delay time.Duration, at time.Time) *api.TaskEvent {
	display := "Task restarting in " + delay.String()
	if reason != "" && reason != reasonWithinPolicy {
		display = reason + " - " + display
	}
	e := event(api.EventRestarting, at, display)
	e.RestartReason, e.StartDelay = reason, int64(delay)
	e.Details["restart_reason"] = reason
	e.Details["start_delay"] = strconv.FormatInt(int64(delay), 10)
	return e
}

func notRestarting(reason string, at time.Time) *api.TaskEvent {
	e := event(api.EventNotRestarting, at, reason)
	e.RestartReason, e.FailsTask = reason, true
	e.Details["restart_reason"] = reason
	e.Details["fails_task"] = "true"
	return e
}

func killing(grace time.Duration, at time.Time) *api.TaskEvent {
	e := event(api.EventKilling, at, fmt.Sprintf("Sent interrupt. Waiting %v before force killing", grace))
	e.KillTimeout = grace
	e.Details["kill_timeout"] = grace.String()
	return e
}

func failing(reason string, at time.Time) *api.TaskEvent {
	e := event(api.EventKilling, at, reason)
	e.FailsTask, e.KillReason = true, reason
	e.Details["fails_task"], e.Details["kill_reason"] = "true", reason
	return e
}

func killed(at time.Time) *api.TaskEvent {
	return event(api.EventKilled, at, "Task successfully killed")
}

// eventShutdownDelay is the type of the event that a shutdown delay begins with.
const eventShutdownDelay = "Waiting for shutdown delay"

func shutdownDelay(d time.Duration, at time.Time) *api.TaskEvent {
	return event(eventShutdownDelay, at, fmt.Sprintf("Waiting for shutdown_delay of %v before killing the task.", d))
}

func lost(at time.Time) *api.TaskEvent {
	const why = "task lost: its process is gone and its exit status is unknown (machine restarted?)"
	e := event(api.EventFailedRestore, at, why)
	e.Message = why
	e.Details["message"] = why
	return e
}

func restartSignaled(reason string, at time.Time) *api.TaskEvent {
	display := reason
	if display == "" {
		display = "Task signaled to restart"
	}
	e := event(api.EventRestartSignal, at, display)
	e.RestartReason = reason
	e.Details["restart_reason"] = reason
	return e
}

func signaling(sig, reason string, at time.Time) *api.TaskEvent {
	display := "Task being sent signal " + sig
	if reason != "" {
		display += ": " + reason
	}
	e := event(api.EventSignaling, at, display)
	e.TaskSignal, e.TaskSignalReason = sig, reason
	e.Details["task_signal"] = sig
	e.Details["task_signal_reason"] = reason
	return e
}

func siblingFailed(sibling string, at time.Time) *api.TaskEvent {
	e := event(api.EventSiblingFailed, at, fmt.Sprintf("Task's sibling %q failed", sibling))
	e.FailedSibling = sibling
	e.Details["failed_sibling"] = sibling
	return e
}

func leaderDead(at time.Time) *api.TaskEvent {
	return event(api.EventLeaderDead, at, "Leader Task in Group dead")
}

func mainTasksDead(at time.Time) *api.TaskEvent {
	return event(api.EventMainTasksDead, at, "Main tasks in the group died")
}

// Types of the events by which an allocation's limits are told.
const (
	eventOverrun = "Max Run Duration Exceeded"
	eventContact = "Out Of Contact"
	eventDisk    = "Disk Resources Exceeded"
)

func overrun(limit time.Duration, at time.Time) *api.TaskEvent {
	return event(eventOverrun, at, fmt.Sprintf("The allocation has run for max_run_duration, %v", limit))
}

func outOfContact(limit time.Duration, at time.Time) *api.TaskEvent {
	return event(eventContact, at, fmt.Sprintf("No contact with the servers for stop_on_client_after, %v", limit))
}

func overfull(e Overfull, at time.Time) *api.TaskEvent {
	const mib = 1 << 20
	why := fmt.Sprintf("The allocation's files take %d MiB, more than the %d MiB of its ephemeral_disk", (e.Used+mib-1)/mib, e.Limit/mib)
	ev := event(eventDisk, at, why)
	ev.FailsTask, ev.DiskLimit, ev.Message = true, e.Limit/mib, why
	ev.Details["fails_task"] = "true"
	ev.Details["disk_limit"], ev.Details["disk_used"] = strconv.FormatInt(e.Limit, 10), strconv.FormatInt(e.Used, 10)
	return ev
}
