// Package alloc is the life of one allocation as a step function: pure, without
// I/O, clock or goroutine.
//
// A Life holds where every task of the allocation is (its Phase) and what is known
// of it. Step takes an Event (a task started, ended, a timer fired, the servers want
// it stopped …) and the time, changes the Life, and returns the Actions that whoever
// drives it must carry out: start this task, stop that one, wake me then. Their
// outcomes come back as events.
//
//	life := alloc.New(spec, rand.Float64)
//	for _, a := range life.Step(alloc.Begin{}, time.Now()) {
//		… // carry out; later life.Step(alloc.Started{Task: "web", Attempt: 1, Handle: h}, now)
//	}
//
// # Surviving a crash
//
// Record returns what must be kept on disk; Restore makes the Life of it again and
// says what to do first. The driver of a Life keeps to one rule: after a Step it
// stores the Record, then carries out the Actions, then reports Status. So a task's
// phase is on disk as PhaseStarting before its driver is asked to start it, its
// handle is on disk before anybody is told that it runs, and its exit result is on
// disk before the driver is asked to forget it. After a crash the recorded phase says
// what may be out there: nothing in PhaseWaiting, at most that one start in
// PhaseStarting, that handle in the running phases. Restore asks for exactly that to
// be looked up (RecoverTask), and no task is ever started while another start of it
// may be alive. (Actions that only end things, see Action.Early, may be carried out
// before the Record is stored: to lose them is to be told again.)
//
// # What tasks share
//
// A Spec may say that the tasks share a Site, which is made before any of them starts and
// cleared after all have ended and been forgotten. See site.go.
//
// # The order of tasks
//
// Prestart tasks run first, main tasks once these are done and prestart sidecars
// run, poststart tasks once all main tasks have started, poststop tasks when all
// else has ended. A task that fails takes its siblings down, as does the end of the
// leader; sidecars end with the last task that is none. See settle.go.
package alloc
