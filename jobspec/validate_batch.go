package jobspec

import (
	"time"

	"github.com/droverhq/drover/api"
)

// Bounds of what is drover's own.
const (
	maxDependsOn     = 100 // jobs that one names
	minDeadline      = time.Second
	maxCompletions   = 1_000_000 // of an indexed group: which are done is kept with the job
	maxParallelism   = 10_000    // of an indexed group: so many gaps may be between those that are done
	maxIndexAttempts = 1000      // the history of attempts is kept with an instance
)

// batch checks what drover has for jobs beyond Nomad's jobspec.
func (v *validator) batch(p place, job *api.Job) {
	v.dependsOn(p, job)
	v.allAtOnce(p.in("all_at_once"), job)
	if job.Deadline != nil {
		v.ends(p.in("deadline"), job)
		if *job.Deadline < minDeadline {
			p.in("deadline").addf("a deadline is %s at least", minDeadline)
		}
	}
	if job.TTLAfterFinished != nil {
		v.ends(p.in("ttl_after_finished"), job)
		p.notNegative("ttl_after_finished", int64(*job.TTLAfterFinished))
	}
	if pattern := job.ParameterizedJob; pattern != nil && pattern.MaxConcurrent != nil && *pattern.MaxConcurrent < 1 {
		p.in("parameterized").in("max_concurrent").addf("one at least has to run at a time; leave it out for any number")
	}
}

// ends refuses what only a job that ends can have.
func (v *validator) ends(p place, job *api.Job) {
	if !job.IsBatch() {
		p.addf("only batch jobs end; this is a %s job", api.Deref(job.Type))
	}
}

func (v *validator) dependsOn(p place, job *api.Job) {
	if n := len(job.DependsOn); n > maxDependsOn {
		p.in("depends_on").addf("the job names %d jobs; it may name %d", n, maxDependsOn)
		return
	}
	named := map[api.Key]bool{}
	for _, d := range job.DependsOn {
		at := p.in("depends_on %q", d.Job)
		switch key := d.Key(job); {
		case d.Job == "":
			at.addf("the ID of the other job is required")
		case key == job.Key():
			at.addf("a job can't wait for itself")
		case named[key]:
			at.addf("the same job is named twice")
		default:
			named[key] = true
		}
		if d.Condition != "" {
			at.oneOf("condition", d.Condition, api.DependsOnSuccess, api.DependsOnCompletion, api.DependsOnFailure, api.DependsOnHealthy)
		}
		if d.Namespace != "" && !namespacePattern.MatchString(d.Namespace) {
			at.addf("%q can't be a namespace: letters, digits and dashes", d.Namespace)
		}
	}
}

// allAtOnce checks a job whose groups are placed together or not at all.
func (v *validator) allAtOnce(p place, job *api.Job) {
	if !api.Deref(job.AllAtOnce) {
		return
	}
	if job.IsSystem() {
		p.warnf("has no effect on a %s job: each node has an instance of its own", api.Deref(job.Type))
		return
	}
	total := 0
	for _, g := range job.TaskGroups {
		total += min(api.Deref(g.Count), maxCount)
		if g.Indexed != nil {
			p.addf("group %q is indexed: its instances start one after the other", api.Deref(g.Name))
		}
	}
	if total > api.MaxGang {
		p.addf("the job has %d instances; at most %d can be placed at once", total, api.MaxGang)
	}
}

// gang checks a group whose instances are placed together or not at all.
func (v *validator) gang(p place, job *api.Job, group *api.TaskGroup) {
	if !api.Deref(group.Gang) {
		return
	}
	p = p.in("gang")
	switch count := api.Deref(group.Count); {
	case job.IsSystem():
		p.addf("each node has an instance of its own of a %s job; they are not placed together", api.Deref(job.Type))
	case group.Indexed != nil:
		p.addf("the group is indexed: its instances start one after the other")
	case count > api.MaxGang:
		p.addf("the group has %d instances; at most %d can be placed at once", count, api.MaxGang)
	}
}

func (v *validator) indexed(p place, job *api.Job, group *api.TaskGroup) {
	block := group.Indexed
	if block == nil {
		return
	}
	at := p.in("indexed")
	if api.Deref(job.Type) != api.JobTypeBatch {
		at.addf("only batch jobs have indexed groups; this is a %s job", api.Deref(job.Type))
	}
	completions := api.Deref(block.Completions)
	within := func(name string, value, least, most int) {
		if value < least || value > most {
			at.in("%s", name).addf("it is %d; it may be %d to %d", value, least, most)
		}
	}
	within("completions", completions, 1, maxCompletions)
	within("parallelism", api.Deref(block.Parallelism), 1, maxParallelism)
	if block.Attempts != nil {
		within("attempts", *block.Attempts, 0, maxIndexAttempts)
	}
	if block.MaxFailed != nil {
		within("max_failed", *block.MaxFailed, 0, maxCompletions)
	}
	if api.Deref(group.Count) != completions {
		p.in("count").addf("an indexed group has completions (%d) instead of a count; remove it", completions)
	}
	if group.Scaling != nil {
		p.in("scaling").addf("an indexed group is not scaled: it runs each index once")
	}
}

// canonicalizeIndexed completes the block of an indexed group. Its completions are the
// group's count, and its attempts are the group's reschedule policy.
func canonicalizeIndexed(group *api.TaskGroup) {
	block := group.Indexed
	if block == nil {
		return
	}
	setDefault(&block.Parallelism, api.Deref(block.Completions))
	if block.Attempts == nil || group.ReschedulePolicy == nil {
		return
	}
	policy := *group.ReschedulePolicy
	policy.Attempts, policy.Unlimited, policy.Interval = new(*block.Attempts), new(false), new(api.IndexedRetryInterval)
	group.ReschedulePolicy = &policy
}
