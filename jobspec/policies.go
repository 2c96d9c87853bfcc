package jobspec

import (
	"time"

	"github.com/droverhq/drover/api"
)

// overlay returns the inner value if it is set, else the outer one.
func overlay[T any](outer, inner *T) *T {
	if inner == nil {
		inner = outer
	}
	if inner == nil {
		return nil
	}
	return new(*inner)
}

func defaultRestart(job *api.Job) *api.RestartPolicy {
	policy := &api.RestartPolicy{
		Attempts: new(2), Interval: new(30 * time.Minute), Delay: new(15 * time.Second),
		Mode: new(api.RestartModeFail), RenderTemplates: new(false),
	}
	if job.IsBatch() {
		*policy.Attempts, *policy.Interval = 3, 24*time.Hour
	}
	return policy
}

func mergeRestart(outer, inner *api.RestartPolicy) *api.RestartPolicy {
	if inner == nil {
		inner = new(api.RestartPolicy)
	}
	return &api.RestartPolicy{
		Attempts: overlay(outer.Attempts, inner.Attempts), Interval: overlay(outer.Interval, inner.Interval),
		Delay: overlay(outer.Delay, inner.Delay), Mode: overlay(outer.Mode, inner.Mode),
		RenderTemplates: overlay(outer.RenderTemplates, inner.RenderTemplates),
	}
}

// groupReschedule returns the policy of a group: nil for system jobs, whose
// instances belong to their nodes, unless the user wrote one.
func groupReschedule(job *api.Job, inner *api.ReschedulePolicy) *api.ReschedulePolicy {
	var policy *api.ReschedulePolicy
	switch *job.Type {
	case api.JobTypeService:
		policy = &api.ReschedulePolicy{
			Attempts: new(0), Interval: new(time.Duration(0)), Delay: new(30 * time.Second),
			DelayFunction: new(api.DelayExponential), MaxDelay: new(time.Hour), Unlimited: new(true),
		}
	case api.JobTypeBatch:
		policy = &api.ReschedulePolicy{
			Attempts: new(1), Interval: new(24 * time.Hour), Delay: new(5 * time.Second),
			DelayFunction: new(api.DelayConstant), MaxDelay: new(time.Duration(0)), Unlimited: new(false),
		}
	default:
		if job.Reschedule == nil && inner == nil {
			return nil
		}
		policy = &api.ReschedulePolicy{
			Attempts: new(0), Interval: new(time.Duration(0)), Delay: new(time.Duration(0)),
			DelayFunction: new(""), MaxDelay: new(time.Duration(0)), Unlimited: new(false),
		}
	}
	for _, over := range []*api.ReschedulePolicy{job.Reschedule, inner} {
		if over == nil {
			continue
		}
		policy = &api.ReschedulePolicy{
			Attempts: overlay(policy.Attempts, over.Attempts), Interval: overlay(policy.Interval, over.Interval),
			Delay: overlay(policy.Delay, over.Delay), DelayFunction: overlay(policy.DelayFunction, over.DelayFunction),
			MaxDelay: overlay(policy.MaxDelay, over.MaxDelay), Unlimited: overlay(policy.Unlimited, over.Unlimited),
		}
	}
	return policy
}

// groupMigrate returns how instances of a group leave a draining node: only those
// of services wait for their successors.
func groupMigrate(job *api.Job, inner *api.MigrateStrategy) *api.MigrateStrategy {
	if *job.Type != api.JobTypeService && job.Migrate == nil && inner == nil {
		return nil
	}
	strategy := &api.MigrateStrategy{
		MaxParallel: new(1), HealthCheck: new(api.HealthCheckChecks),
		MinHealthyTime: new(10 * time.Second), HealthyDeadline: new(5 * time.Minute),
	}
	for _, over := range []*api.MigrateStrategy{job.Migrate, inner} {
		if over == nil {
			continue
		}
		strategy = &api.MigrateStrategy{
			MaxParallel: overlay(strategy.MaxParallel, over.MaxParallel), HealthCheck: overlay(strategy.HealthCheck, over.HealthCheck),
			MinHealthyTime: overlay(strategy.MinHealthyTime, over.MinHealthyTime), HealthyDeadline: overlay(strategy.HealthyDeadline, over.HealthyDeadline),
		}
	}
	return strategy
}

// defaultStagger is between instances of a system job that follow each other. It is
// shown for services, too, where it has no effect.
const defaultStagger = 30 * time.Second

func defaultUpdate() *api.UpdateStrategy {
	return &api.UpdateStrategy{
		Stagger: new(defaultStagger), MaxParallel: new(1), HealthCheck: new(api.HealthCheckChecks),
		MinHealthyTime: new(10 * time.Second), HealthyDeadline: new(5 * time.Minute), ProgressDeadline: new(10 * time.Minute),
		Canary: new(0), AutoRevert: new(false), AutoPromote: new(false),
	}
}

// rollsOut reports whether new versions of the job are rolled out step by step.
func rollsOut(job *api.Job) bool {
	return *job.Type == api.JobTypeService || *job.Type == api.JobTypeSystem
}

// writtenUpdate is the update block of a job as the user wrote it, or nil. A stored
// job has one that says only how many are updated at a time, the rest being zero.
func writtenUpdate(job *api.Job) *api.UpdateStrategy {
	update := job.Update
	if update == nil || update.HealthCheck == nil || *update.HealthCheck != "" {
		return update
	}
	if !rollsOut(job) && api.Deref(update.Stagger) == 0 && api.Deref(update.MaxParallel) == 0 {
		return nil
	}
	return &api.UpdateStrategy{Stagger: update.Stagger, MaxParallel: update.MaxParallel}
}

// jobUpdate returns the update block of a job with its defaults.
func jobUpdate(job *api.Job) *api.UpdateStrategy {
	written := writtenUpdate(job)
	if written == nil {
		if !rollsOut(job) {
			return job.Update
		}
		written = new(api.UpdateStrategy)
	}
	return mergeUpdate(defaultUpdate(), written)
}

// groupUpdate returns how a group is updated: what the user wrote for it, above
// what is written for the job, above the defaults.
func groupUpdate(job *api.Job, inner *api.UpdateStrategy) *api.UpdateStrategy {
	outer := writtenUpdate(job)
	if outer == nil && inner == nil {
		return nil
	}
	strategy := defaultUpdate()
	if outer != nil {
		strategy = mergeUpdate(strategy, outer)
	}
	if inner != nil {
		strategy = mergeUpdate(strategy, inner)
	}
	return strategy
}

func mergeUpdate(outer, inner *api.UpdateStrategy) *api.UpdateStrategy {
	return &api.UpdateStrategy{
		Stagger: overlay(outer.Stagger, inner.Stagger), MaxParallel: overlay(outer.MaxParallel, inner.MaxParallel),
		HealthCheck: overlay(outer.HealthCheck, inner.HealthCheck), MinHealthyTime: overlay(outer.MinHealthyTime, inner.MinHealthyTime),
		HealthyDeadline:  overlay(outer.HealthyDeadline, inner.HealthyDeadline),
		ProgressDeadline: overlay(outer.ProgressDeadline, inner.ProgressDeadline),
		Canary:           overlay(outer.Canary, inner.Canary), AutoRevert: overlay(outer.AutoRevert, inner.AutoRevert),
		AutoPromote: overlay(outer.AutoPromote, inner.AutoPromote),
	}
}
