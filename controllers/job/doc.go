// Package job is the controller that makes a job's instances be what the job asks
// for: it places, updates, replaces and stops them, begins rollouts, answers
// evaluations and says how the job does.
//
// Where to begin: controller.pass in controller.go is the whole story of a pass over a job,
// in the words of the packages below. It has four steps, three of them pure:
//
//	read      the job, its allocations with their statuses, deployments and
//	          evaluations, from one snapshot: a plan.View. Of a large job only what is
//	          not settled (package roster)
//	decide    what is wanted against what is there: a plan.Plan (package plan)
//	place     where the instances go that the plan wants: the only step that
//	          looks at other jobs' allocations (package room)
//	compose   what to write: allocations, deployment, evaluations, the job's status,
//	          in transactions of a size that others can wait for (compose.go)
//
// The packages, of which each knows only those above it, and this one all:
//
//	plan      what a pass does to a job: who stops, stays, is raised, is to be placed
//	roster    which allocations of a large job a pass has to look at
//	room      where instances go, and who may go there when a node gains room
//
// What others are told is here: an outcome is what a pass has read, wants and found room for;
// replace.go writes it in allocations, evaluation.go in evaluations, status.go and end.go in
// the job's status, and dryrun.go nowhere. wake.go says which changes wake a job.
//
// An instance and its successor are written in one transaction, and one that is
// updated or failed is only stopped if there is room for its successor.
//
// # Evaluations
//
// Every pass that changes something is recorded in an evaluation: the one that asked
// for it, the one that waited for room, or one of its own. What a job's register,
// stop or plan says to users (PlanAnnotations, FailedTGAllocs, QueuedAllocations) comes
// from here; DryRun says it without committing anything.
package job
