// Package room finds room for the instances that plans want, and says whom room that is
// gained may help.
//
// Where to begin: Fleet is what the controller knows of nodes and of what is taken of them.
// Place finds room for a plan and reserves it (Reservation, Placed) until Settle; the other
// methods follow the change feed, and return the jobs that have to be looked at because of
// a change.
//
// # Reservations
//
// The fleet assumes placements before they are committed and gives back those that fail, so
// that transactions of many jobs are in flight.
//
// An allocation takes its room until its node agent says that it ended. Its successor
// may count on that room, everybody else waits for it; so a node agent has to end the
// one before it starts the other.
//
// # The line
//
// What finds no room stands in line (line.go): when a node gains room, it is offered to whom
// it is right for, by priority and age. Who wants the same (shape.go) stands in one queue. So
// a backlog costs nothing while nothing changes, and a gain of room wakes few of many.
//
// # Special wishes
//
// A claim on a CSI volume is room that is on no node (claims.go): a volume gains room as nodes
// do. Who comes back to a sticky volume may only go to one node (sticky.go).
//
// The instances of a gang are placed together or not at all (gang.go).
//
// Where operators allow it, room may be found by the end of allocations of lower priority
// (preempt.go). They are told to end in the transaction that commits who comes in their
// place; their jobs are woken by that, as by any other loss. Who is not committed yet can't be
// told: a job that may have missed such is offered the node when it is.
package room
