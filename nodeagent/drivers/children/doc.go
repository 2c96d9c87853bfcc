// Package children runs tasks as children of the node agent, on systems that have no shim
// to hold them. A driver makes the command of a task; a Holder does the rest.
//
// Such a task can't outlive the agent: its output and its exit status would be lost. When
// the agent ends, however it does, Windows ends the task's processes with it, by a job
// object. Elsewhere the processes run on, in a process group whose leader is written down,
// and the next agent kills them when it looks for the task. Either way the task is gone to
// it, and is started again by its restart policy.
package children
