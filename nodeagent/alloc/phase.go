package alloc

import "github.com/droverhq/drover/api"

// Phase is where a task is in its life. It is also what is certain about its process
// after a crash (see the package's page).
type Phase string

// The phases.
const (
	PhaseWaiting  Phase = "waiting"  // its turn has not come; nothing has been started
	PhaseStarting Phase = "starting" // the driver has been, or is about to be, asked to start it
	PhaseRunning  Phase = "running"
	PhaseDelaying Phase = "delaying" // runs, and gets its signal when its shutdown delay is over
	PhaseStopping Phase = "stopping" // has got its signal
	PhaseBackoff  Phase = "backoff"  // ended, and is started again when its delay is over
	PhaseDead     Phase = "dead"     // ended, for good
)

// Alive reports whether a process of the task may be there.
func (p Phase) Alive() bool {
	switch p {
	case PhaseStarting, PhaseRunning, PhaseDelaying, PhaseStopping:
		return true
	}
	return false
}

// state is what the phase is called in a task's published state.
func (p Phase) state() string {
	switch p {
	case PhaseRunning, PhaseDelaying, PhaseStopping:
		return api.TaskStateRunning
	case PhaseDead:
		return api.TaskStateDead
	}
	return api.TaskStatePending
}

// stimulus moves a task from one phase to the next.
type stimulus int

const (
	turn    stimulus = iota // it may start (again)
	started                 // the driver has started it
	linger                  // it is to end after its shutdown delay
	signal                  // it is to end now
	retire                  // it has ended and will be started again
	end                     // it has ended for good
	rewind                  // it has ended, and waits for its turn like in the beginning
)

// transitions is the whole of a task's life: a stimulus that is not in the row of
// its phase does nothing.
var transitions = map[Phase]map[stimulus]Phase{
	PhaseWaiting:  {turn: PhaseStarting, end: PhaseDead},
	PhaseStarting: {turn: PhaseStarting, started: PhaseRunning, retire: PhaseBackoff, end: PhaseDead, rewind: PhaseWaiting},
	PhaseRunning:  {linger: PhaseDelaying, signal: PhaseStopping, retire: PhaseBackoff, end: PhaseDead},
	PhaseDelaying: {signal: PhaseStopping, end: PhaseDead},
	PhaseStopping: {retire: PhaseBackoff, end: PhaseDead, rewind: PhaseWaiting},
	PhaseBackoff:  {turn: PhaseStarting, end: PhaseDead, rewind: PhaseWaiting},
	PhaseDead:     {rewind: PhaseWaiting},
}
