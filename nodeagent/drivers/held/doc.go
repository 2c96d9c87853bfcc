// Package held is the life of tasks that a process of package shim holds, each its own:
// what the drivers raw_exec, exec and java have in common. A driver embeds a Holder and
// says what the shim is to run; Start, Recover, Wait, Stop, Destroy and the optional
// abilities Find, Signal, Stats and Exec are the Holder's.
//
// The Holder itself remembers nothing: every method goes by what the shim leaves in the
// task's state directory, so a driver of a node agent that was just started knows as
// much as one that started the task. See task for how that is read, and sweep for what
// happens when somebody kills a shim.
package held
