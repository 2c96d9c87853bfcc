// Package checks runs the checks of a node's services: it asks each of them every so
// often whether it answers, and says when that changes.
//
//	r := checks.NewRunner(checks.Options{})
//	go r.Run(ctx)
//	r.Set("alloc-1", specs, func(n checks.News) { … })
//	for _, res := range r.Results("alloc-1") { … }
//
// What is decided is pure: a [Check] takes results and says whether its status
// has turned and whether the task is to be restarted (check.go), an agenda says whose
// turn it is (agenda.go). One goroutine keeps the agenda; another one lives for each
// check that is being made, of which there is a bounded number. A check that waits for
// its turn costs a few hundred bytes and no goroutine.
//
// A program takes a moment until it listens. So while a check is new (for the length
// of its interval) a failure says nothing: the check stays pending and is tried again
// soon, and counts as a failure only after that.
package checks
