// Package reconciletest runs controllers in virtual time over a store in memory:
// hours of deadlines and back-off pass in milliseconds, and always the same way.
//
// A test in Go works inside a bubble of testing/synctest:
//
//	func TestNodeWithoutSessionIsDownAfterTheGrace(t *testing.T) {
//		synctest.Test(t, func(t *testing.T) {
//			w := reconciletest.New(t, register, &api.Node{ID: "n1"})
//			w.Advance(10 * time.Second)
//			status := reconciletest.Get[*api.NodeStatus](w, key)
//			…
//
// where register adds the controllers that are tested, one or several, to a
// reconcile.Manager. There are no doubles of the store, the queue or the clock: what
// is tested is what runs.
//
// # Scripts
//
// Most of what controllers do is better told as a conversation: objects in, time
// passing, objects out. RunScripts runs every file of a folder, in a world of its own:
//
//	put
//	Node n1
//	NodeSession n1
//	  Connected: false
//	  Since: +0s
//	----
//	+0s created NodeStatus n1
//	  …
//
//	advance 10s
//	----
//	+10s changed NodeStatus n1
//	  Status: down (was ready)
//
// Above the line is a command with its input, below it what the controllers wrote,
// and when, after the start. With `go test -rewrite` the outputs are written into the
// scripts instead of compared with them. The commands:
//
//	put           objects to write, in one transaction; of an object that there is,
//	              only what changes
//	delete        Kind key, one a line
//	advance 10s   time passes
//	restart       the controllers stop and new ones start, as on a new leader
//	lead other    another server leads; lead self: this one does again
//	show Kind     the objects of a kind; show Kind key: one
//
// Further commands are Verbs of the caller.
//
// An object is a line with its kind and key (with a namespace other than default:
// namespace/key), and indented lines with a path and a value each. A path is made of
// Go field names, keys of maps, and the Name or the number of elements of slices:
//
//	Job shop
//	  TaskGroups.web.Count: 3
//	  TaskGroups.web.Tasks.app.Driver: raw_exec
//	AllocationStatus a1
//	  TaskStates.app.State: running
//	  TaskStates.app.StartedAt: +30s
//
// Moments (time.Time, and int64 of Unix nanoseconds) are given as the time after the
// start, durations as 10s, lists of strings as a, b, anything else as JSON; null
// clears a pointer. After the key, the rest of the object can be given as JSON, too.
//
// In the output, what was written to one object at one moment is told as one change;
// CreateTime, ModifyTime and the indexes of the store are left out; and random IDs
// are called id1, id2, … in the order in which they are told of, by which names later
// input can mean them.
package reconciletest
