// Package admission is the controller that says when jobs that have to wait for others
// may begin. The job controller places nothing of such a job (api.Job.NeedsAdmission)
// until its JobAdmission says that it is admitted; until then the reason stands in the
// job's status.
//
// Two things make a job wait:
//
//	depends_on       other jobs have not got where they have to be (dependency.go)
//	max_concurrent   as many children of its parent as may run do (concurrency.go)
//
// # One run
//
// An admission is of one run of a job, and is never taken back. A new version of a job
// that goes on is admitted with it; a new version of one that had ended or was stopped
// is a new run, which waits again. What a dependency has come to is said by the
// JobStatus of the other job, which stays when its allocations are collected.
//
// # What does not end the wait
//
// A job whose dependency can't be met as things are (its success is wanted and it
// failed, it is not registered, it was stopped) goes on waiting and says why: the other
// job may be run again, with a change, and then it is met. Who does not want to wait
// stops the job. A dependency that is purged after the job was admitted means nothing
// any more.
//
// # Who comes next
//
// Children of a parameterized job wait by priority, then by age. Those whose own
// dependencies are not met let others pass. The limit is the parent's as it is now, so
// raising it admits more at once; children whose parent is gone keep theirs. A child
// counts from its admission until its job has ended or was stopped. The place of a
// child in the queue is worked out when somebody asks (Place), as writing it into every
// child whenever one leaves would be work without end.
package admission
