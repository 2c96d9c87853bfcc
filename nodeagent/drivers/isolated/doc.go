// Package isolated runs commands set apart from the node: what the drivers exec and
// java have in common. A task sees
//
//	/                   its own directory on the node, ALLOCDIR/ALLOCID/TASK
//	/local /secrets /tmp  that are in there
//	/alloc              what the tasks of its allocation share
//	/bin /usr /etc …    of the node, read-only: see Options.ChrootEnv
//	/dev /proc /sys     as much as a program may rely on
//
// and of processes, IPC objects and host names its own only. It has the capabilities
// and system calls that are left to it, and as much of CPU, memory and process IDs as
// it was given, by control groups of version 1 or 2.
//
// A driver says by a Kind what is to be run. The life of a task is package held's, and
// what is done in the task's own process package shim's (root, stage, confine).
package isolated
