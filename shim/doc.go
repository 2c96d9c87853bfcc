// Package shim is the small process that holds one task.
//
// A node agent does not run tasks itself: it writes down what to run (Spec) in a
// state directory and starts drover-shim on it. The shim starts the task in a
// session of its own, owns its output (two pipes that it writes to rotated log
// files) and its exit status, and lives for as long as anything of the task does.
// The agent may be killed, upgraded and started again meanwhile: the new one finds
// the shim, or what the shim left, in the same state directory.
//
//	DIR/spec     what to run (Spec); written by the agent before it starts the shim
//	DIR/lock     locked by the agent before it starts the shim, which inherits the
//	             lock and holds it until it ends: locked means that a shim lives
//	DIR/started  the task runs (Started): process IDs with their start times
//	DIR/stop     how the task should end (Stop); SIGTERM makes the shim read it
//	DIR/exit     how the task ended (Exit)
//	DIR/log      what the shim has to say
//
// The lock closes the gap between fork and record: from before the fork until the
// shim's end it is held, so whoever comes later knows whether there is something to
// wait for, without trusting a process ID. Where a process ID is used, its start time
// is compared and the signal is sent through a pidfd.
//
// # The tree
//
// The shim is a child subreaper: whatever a task starts, however often it forks and
// whatever session it moves to, is a descendant of the shim and becomes its child
// when its own parent ends. When the task's process has ended the shim writes the
// exit record, kills what is left and reaps until there is no child any more; then it
// ends. Where a cgroup (version 2) can be made the task is put there and the
// kernel kills it whole. Should the shim itself be killed, the kernel kills the
// task's process with it (PDEATHSIG), and the agent sweeps up what remains.
//
// # Size
//
// There is a shim for each task, so it must be small: nothing is imported that it
// can do without, the collector is off, and all that it does for a running task
// (copying output) allocates nothing.
package shim
