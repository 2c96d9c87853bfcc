// Package roster knows which allocations of a large job a pass over it has to look at, so
// that a pass costs what has changed and not what the job has (docs/decisions/0009-rosters.md).
//
// Where to begin: a Keeper keeps a Roster for each job that is large enough, and follows the
// change feed; a pass asks it for the roster (Look), reads by it (Roster.Read), and tells
// it in the end what it did (Roster.Learn).
//
// # Who need not be looked at
//
//   - who is settled: of the current version, healthy and running, or done, in a slot of a
//     group with a count that nobody else claims. They are counted (seats.go);
//   - who is spent: he ended, and the job's progress has it (an index of an indexed group),
//     or another one came later in his slot.
//
// All others are open. What is open may be more than what matters, never less, as far as
// the change feed has been followed. A pass that finds something that has to be known of
// all instances reads them all, and the roster is made anew from what it read.
//
// # Changes while a pass goes on
//
// A pass reads a snapshot that is as new as when it was taken, and the feed goes on. So a
// roster notes whose allocation has changed since the pass began to look: of him the pass
// learns nothing, he stays open until the next one.
package roster
