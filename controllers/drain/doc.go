// Package drain is the controllers that empty nodes. An operator drains a node by
// writing a DrainStrategy into its NodeIntent: from then on the node takes nothing new,
// and what is on it has to leave.
//
// Nothing is stopped here. An allocation that has to leave is told to migrate (its
// DesiredTransition), and the job controller stops and replaces it: as soon as there is
// room for its successor (MigrateWhenPlaced) or, past the deadline, in any case.
//
// Two controllers share the work, each with its own key:
//
//	migrate   by job: which instances of its service groups may leave now (migrate.go,
//	          group.go)
//	drain     by node: who has to leave at the deadline, when system jobs do, and when
//	          the node is empty (node.go, plan.go)
//
// # Who leaves when
//
//	service    at most max_parallel of a group's migrate block at a time, whatever
//	           number of nodes is drained: a group of count instances keeps at least
//	           count − max_parallel healthy ones
//	batch,     when they have ended, or at the deadline
//	sysbatch
//	system     when everything else has left, unless they are ignored
//	all        at the deadline, at once
//
// Whether an instance is healthy is judged by the migrate block (package health) from
// what its node agent says, and while its deployment goes on also by that. So nothing
// has to be written down: the next instance leaves once all are healthy again.
// Instances on a draining node that are not healthy go first, as they are of no use
// where they are.
//
// # The end
//
// A drain is complete when the node agent has said of all that had to leave that it
// ended, or the node is down and they are lost. The strategy is then taken out, and
// the record of the drain (LastDrain) says so; the node stays ineligible. A drain that
// is cancelled takes back what was asked of instances that have not left yet.
//
// An instance that was placed while the drain began, by a pass that did not know of it
// yet, leaves like the others, and also if the drain was complete by then.
//
// All of this is in the objects: another leader goes on where this one was.
package drain
