package alloc

import (
	"github.com/droverhq/drover/api"
)

// Descriptions of an allocation's client status.
const (
	descRunning  = "Tasks are running"
	descPending  = "No tasks have started"
	descComplete = "All tasks have completed"
	descFailed   = "Failed tasks"
	descOverrun  = "allocation exceeded max_run_duration"
	descDisk     = "allocation exceeded its ephemeral_disk"
	descContact  = "stopped by its node, which had no contact with the servers"
)

// Status returns what is reported of the allocation: client status, description and
// task states. The rest of the object is the caller's. It is terminal only when no
// process of the allocation is left, so that what it took from its node is free.
func (l *Life) Status() *api.AllocationStatus {
	s := &api.AllocationStatus{ID: l.spec.AllocID, TaskStates: make(map[string]*api.TaskState, len(l.tasks))}
	for _, t := range l.tasks {
		state := t.State.TaskState
		s.TaskStates[t.spec.Name] = &state
	}
	s.ClientStatus, s.ClientDescription = l.clientStatus()
	s.NetworkStatus = l.rec.Site.Site.Status
	return s
}

func (l *Life) clientStatus() (status, description string) {
	var failed, pending, running, finished bool
	for _, t := range l.tasks {
		failed = failed || t.State.Failed
		switch t.Phase.state() {
		case api.TaskStateRunning:
			running = true
		case api.TaskStatePending:
			// a poststop task whose turn is about to come does not make it pending again
			pending = pending || t.spec.Role != Poststop
		default:
			finished = true
		}
	}
	switch {
	case l.Ended() && l.rec.Ending == CauseContact:
		return api.AllocClientLost, descContact
	case l.Ended() && l.rec.Ending == CauseOverrun:
		return api.AllocClientComplete, descOverrun
	case l.Ended() && l.rec.Ending == CauseDisk:
		return api.AllocClientFailed, descDisk
	case l.Ended() && failed:
		return api.AllocClientFailed, descFailed
	case l.Ended():
		return api.AllocClientComplete, descComplete
	case running || !pending && finished:
		return api.AllocClientRunning, descRunning
	}
	return api.AllocClientPending, descPending
}
