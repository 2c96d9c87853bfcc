package api

//msgp:ignore JobEvaluateRequest EvalOptions AllocRestartRequest

// JobEvaluateRequest is the body of PUT /v1/job/ID/evaluate.
type JobEvaluateRequest struct {
	JobID       string
	EvalOptions EvalOptions
}

// EvalOptions says how a job is looked at again.
type EvalOptions struct {
	ForceReschedule bool // replace instances that failed, whatever their policy says
}

// AllocRestartRequest is the body of PUT /v1/client/allocation/ID/restart.
type AllocRestartRequest struct {
	TaskName string // empty: all tasks that run
	AllTasks bool   // also those that have ended, in the order of their lifecycle
}
