package scenario

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile/reconciletest"
)

// Batch is what a spec says that is drover's own:
//
//	depends=a,b:completion   on which jobs, until when if not their success
//	deadline=2h, ttl=1h      of the job
//	max_concurrent=2         children of a parameterized job
//	indexed=100/10           completions, parallelism; attempts as in the spec
//	max_failed=5             of the indexes
//	gang, all_at_once
type Batch struct {
	Depends          []*api.JobDependency
	JobDeadline, TTL *time.Duration
	Parameterized    *api.ParameterizedJobConfig
	Indexed          *api.IndexedStrategy
	Gang, AllAtOnce  bool
}

// set takes a key of a spec.
func (b *Batch) set(key, value string) error {
	switch key {
	case "depends":
		for _, one := range strings.Split(value, ",") {
			id, condition, _ := strings.Cut(one, ":")
			b.Depends = append(b.Depends, &api.JobDependency{Job: id, Condition: condition})
		}
		return nil
	case "deadline", "ttl":
		d, err := time.ParseDuration(value)
		if b.JobDeadline = &d; key == "ttl" {
			b.JobDeadline, b.TTL = nil, &d
		}
		return err
	case "gang":
		b.Gang = true
		return nil
	case "all_at_once":
		b.AllAtOnce = true
		return nil
	}
	first, second, both := strings.Cut(value, "/")
	n, err := strconv.Atoi(first)
	switch key {
	case "max_concurrent":
		b.Parameterized = &api.ParameterizedJobConfig{MaxConcurrent: &n}
	case "indexed":
		b.Indexed = &api.IndexedStrategy{Completions: &n, Parallelism: &n}
		if both && err == nil {
			var at int
			at, err = strconv.Atoi(second)
			b.Indexed.Parallelism = &at
		}
	case "max_failed":
		if b.Indexed == nil {
			return fmt.Errorf("max_failed is of an indexed group")
		}
		b.Indexed.MaxFailed = &n
	default:
		return fmt.Errorf("a job has no %q here", key)
	}
	return err
}

// apply adds it to a job.
func (b *Batch) apply(j *api.Job) {
	j.DependsOn, j.Deadline, j.TTLAfterFinished, j.ParameterizedJob = b.Depends, b.JobDeadline, b.TTL, b.Parameterized
	if b.AllAtOnce {
		j.AllAtOnce = new(true)
	}
	for _, g := range j.TaskGroups {
		if b.Gang {
			g.Gang = new(true)
		}
		if b.Indexed != nil {
			g.Indexed, g.Count = b.Indexed, b.Indexed.Completions
			g.ReschedulePolicy.Interval = new(api.IndexedRetryInterval)
		}
	}
}

// child registers a child of a parameterized job: PARENT NAME [PRIORITY].
func (c *Cluster) child(args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("child takes a parameterized job and the name of the child")
	}
	parent := reconciletest.Get[*api.Job](c.World, api.JobKey(api.DefaultNamespace, args[0]))
	j, err := api.Clone(parent)
	if err != nil {
		return err
	}
	j.ID, j.Name, j.ParentID, j.Dispatched = new(args[1]), new(args[1]), parent.ID, true
	j.SetIndexes(0, 0)
	if len(args) > 2 {
		priority, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		j.Priority = &priority
	}
	c.Register(j)
	return nil
}
