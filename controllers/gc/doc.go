// Package gc removes what has ended and what nothing refers to any more, so that the
// store holds what runs and a while of history.
//
// Four concerns, four places:
//
//   - What may go: one pure function per kind of object (jobs.go, allocations.go,
//     evaluations.go, deployments.go, versions.go, nodes.go, orphans.go). Each yields
//     units: objects that go together, and the conditions under which they may.
//   - How fast: Collect (collect.go) takes the functions in turn, each with a fresh
//     snapshot so that what one removed no longer refers to anything, and removes
//     units in transactions of bounded size, and a bounded number in a pass.
//   - How many: crowd.go finds out of which kinds there are more ended objects than are
//     kept; the oldest of them go before their time.
//   - When: the controller (controller.go) makes a pass every few minutes.
//
// The law is that nothing goes that something live refers to: not the version, node,
// evaluation or deployment of an allocation that has not ended; not an allocation that
// still holds its place in a job that goes on (places.go: a job controller that did not
// see it would make it again, so the finished instances of a batch job stay until the
// job goes or has another version); not the versions that a job may be reverted to.
//
// # Forced collection
//
// Force does the same regardless of age, until nothing is left to remove. It needs no
// leadership and may be called on any server, beside the controller: the conditions of
// every unit name all that was looked at, so what was decided by a snapshot that is
// out of date is refused. The HTTP API calls it for PUT /v1/system/gc:
//
//	report, err := gc.Force(ctx, s, time.Now(), gc.Options{})
package gc
