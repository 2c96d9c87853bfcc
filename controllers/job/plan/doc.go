// Package plan decides what a pass over a job does: what the job wants against what there
// is. It looks at no other job, finds no room and writes nothing; but for reading a View from
// a snapshot, all of it is functions of values.
//
// Where to begin: View is what a pass has read, Decide makes a Plan of it, and a Plan says
// for each Group who stops, who is raised in place, and who is to be placed (Want).
//
// # How a plan is made
//
// An instance of a service or batch group holds a numbered slot (slots.go), one of a
// system job a node (system.go), one of an indexed group its index, until it is done
// (indexed.go). tally.go sorts the instances of a group by what has to be done about each,
// and settle in update.go says how much of that is done now:
//
//	nobody there       placed
//	failed             replaced once the allocation controller says so, elsewhere if
//	                   possible; until then it holds its slot
//	lost               replaced at once, unless prevent_reschedule_on_lost
//	told to migrate    stopped, and replaced; by a drain that has time, once there is
//	                   room for the successor (leave.go)
//	failed before      at an older version: replaced by the current one, ahead of others
//	older version      raised in place if nothing that a process sees has changed
//	                   (diff.go); else replaced: all at once, or, where the group has
//	                   an update block, max_parallel at a time as they become healthy,
//	                   and not before its canaries (canary.go) are promoted
//	completed batch    done, until the job changes
//	out of contact     left alone for a while; who comes back and was replaced meanwhile
//	                   competes with his successor (reunion.go)
//	too many           stopped, the highest numbers first
//
// A job that waits for others (wait.go) has none of it done, and one whose deadline has
// passed (deadline.go) is stopped. Rollouts are begun and ended in deployment.go.
//
// # Settled instances
//
// Of a large job most instances are as they should be. A View may leave them out and say
// only how many they are and which slots they hold (Settled); a plan that is made of such a
// View is the one that would be made of all. Package roster knows who is settled.
package plan
