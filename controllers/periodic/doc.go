// Package periodic is the controller that launches jobs by the clock.
//
// A periodic job places nothing itself. Whenever one of its crons is due, this
// controller makes a child of it: a job of its own, named
//
//	nightly/periodic-1795219294
//
// after the moment for which it is launched, in Unix seconds. The child has everything
// of the job but the periodic block, and an evaluation by which the job controller takes
// it up. What the crons mean is the business of package cron.
//
// # Once
//
// The PeriodicLaunch of a job says up to which moment its launches are made. It is
// written in one transaction with the child, which holds only if neither the job nor
// the PeriodicLaunch was written since they were read, and if there is no such child
// yet. So a launch is made once, whatever dies when: either both are there, or neither
// is and the next leader makes them.
//
// The same comparison makes up for launches that were missed while nobody led: if
// several are due, the latest is made and the others are not.
//
//   - Another schedule (crons or zone), and one that goes on after the job was stopped or
//     its launches were disabled, starts when the job was submitted. Any other change of
//     the job leaves its launches as they are.
//   - A clock that jumps forward makes what it skipped due: one launch, the latest.
//   - A clock that jumps back launches nothing again. What lies further ahead than an
//     hour, though, was launched by a clock that was wrong: it counts no more, and only
//     the children that are there keep their moments from being launched again.
//
// # Overlap
//
// With prohibit_overlap a launch is passed over, not put off, when a child is still
// there that runs, waits to be placed or to be admitted, or has an instance that has not
// ended yet though it was stopped. An evaluation of the periodic job says so, once for
// each child that is in the way.
package periodic
