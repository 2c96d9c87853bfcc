// Package job is the controller that makes a job's instances be what the job asks
// for: it places, updates, replaces and stops them, begins rollouts, answers
// evaluations and says how the job does.
//
// A pass over a job has four steps, three of them pure:
//
//	read      the job, its allocations with their statuses, deployments and
//	          evaluations, from one snapshot: a view
//	decide    what is wanted against what is there: a plan (plan.go)
//	place     where the instances go that the plan wants: the only step that
//	          looks at other jobs' allocations (fleet.go, place.go)
//	compose   what to write: allocations, deployment, evaluations, the job's status,
//	          in transactions of a size that others can wait for (compose.go)
//
// Of a large job a pass reads only what is not settled (roster.go).
//
// Who wants to know what is decided reads plan.go, tally.go, slots.go and update.go, and
// of leave.go, canary.go, system.go, reunion.go and indexed.go what concerns him; where
// things go: place.go, fleet.go and line.go, and for special wishes gang.go and
// preempt.go; what others are told: compose.go, replace.go, evaluation.go and status.go.
//
// # What is wanted
//
// An instance of a service or batch group holds a numbered slot (slots.go), one of a
// system job a node (system.go). tally.go sorts the instances of a group by what has
// to be done about each, and settle in update.go says how much of that is done now:
//
//	nobody there       placed
//	failed             replaced once the allocation controller says so, elsewhere if
//	                   possible; until then it holds its slot
//	lost               replaced at once, unless prevent_reschedule_on_lost
//	told to migrate    stopped, and replaced; by a drain that has time, once there is
//	                   room for the successor
//	failed before      at an older version: replaced by the current one, ahead of others
//	older version      raised in place if nothing that a process sees has changed
//	                   (diff.go); else replaced: all at once, or, where the group has
//	                   an update block, max_parallel at a time as they become healthy,
//	                   and not before its canaries (canary.go) are promoted
//	completed batch    done, until the job changes
//	too many           stopped, the highest numbers first
//
// An instance and its successor are written in one transaction, and one that is
// updated or failed is only stopped if there is room for its successor.
//
// # Room
//
// The fleet is what the controller knows of nodes and of what is taken of them. It
// assumes placements before they are committed and gives back those that fail. What
// finds no room is left to a blocked evaluation and stands in line (line.go): when a
// node gains room, it is offered to whom it is right for, by priority and age. So a
// backlog costs nothing while nothing changes, and a gain of room wakes few of many.
//
// An allocation takes its room until its node agent says that it ended. Its successor
// may count on that room, everybody else waits for it; so a node agent has to end the
// one before it starts the other.
//
// # Preemption
//
// Where operators allow it, the engine may find room by the end of allocations of lower
// priority (preempt.go). They are told to end in the transaction that commits who comes in
// their place; their jobs are woken by that, as by any other loss. Who is not committed yet
// can't be told: a job that may have missed such is offered the node when it is.
//
// # Evaluations
//
// Every pass that changes something is recorded in an evaluation: the one that asked
// for it, the one that waited for room, or one of its own. What a job's register,
// stop or plan says to users (PlanAnnotations, FailedTGAllocs, QueuedAllocations) comes
// from here; DryRun says it without committing anything.
package job
