package scenario

import (
	"fmt"
	"slices"
	"strings"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/deployment"
	"github.com/droverhq/drover/reconcile/reconciletest"
)

// operate moves the latest deployment of a job, as the HTTP API does for an operator,
// once the controllers are done with what happened before. What is refused is told.
func (c *Cluster) operate(verb string, args []string) (string, error) {
	c.Settle()
	d := c.deployment(args[0])
	if d == nil {
		return "", fmt.Errorf("%s has no deployment", args[0])
	}
	c.serial++
	order := deployment.Order{
		Snapshot: c.Store.Snapshot(), ID: d.ID, Now: c.Now(),
		NewID: func() string { return fmt.Sprintf("asked-%04d", c.serial) },
	}
	var change deployment.Change
	var err error
	switch verb {
	case "promote":
		change, err = order.Promote(args[1:])
	case "pause", "resume":
		change, err = order.Pause(verb == "pause")
	case "abort":
		change, err = order.Fail()
	case "good", "bad":
		change, err = c.judge(order, verb, args[1:])
	}
	if err != nil {
		_, why, _ := strings.Cut(err.Error(), ": ")
		for _, name := range args[1:] {
			if a := c.Latest(name); a != nil {
				why = strings.ReplaceAll(why, a.ID, name) // IDs are random
			}
		}
		return "refused: " + why + "\n", nil
	}
	c.Apply(change.Txn)
	return "", nil
}

func (c *Cluster) judge(order deployment.Order, verb string, names []string) (deployment.Change, error) {
	var ids []string
	for _, name := range names {
		a := c.Latest(name)
		if a == nil {
			return deployment.Change{}, fmt.Errorf("there is no allocation %s", name)
		}
		ids = append(ids, a.ID)
	}
	if verb == "good" {
		return order.SetHealth(ids, nil)
	}
	return order.SetHealth(nil, ids)
}

// configure says how jobs are placed, all of it.
func (c *Cluster) configure(args []string) error {
	config := api.DefaultSchedulerConfiguration()
	for _, arg := range args {
		key, value, _ := strings.Cut(arg, "=")
		switch key {
		case "default":
		case "spread":
			config.SchedulerAlgorithm = api.AlgorithmSpread
		case "paused":
			config.PauseEvalBroker = true
		case "preempt":
			types := strings.Split(value, ",")
			config.PreemptionConfig = api.PreemptionConfig{
				ServiceSchedulerEnabled: slices.Contains(types, api.JobTypeService), BatchSchedulerEnabled: slices.Contains(types, api.JobTypeBatch),
				SystemSchedulerEnabled: slices.Contains(types, api.JobTypeSystem), SysBatchSchedulerEnabled: slices.Contains(types, api.JobTypeSysBatch),
			}
		default:
			return fmt.Errorf("nothing is configured by %q", arg)
		}
	}
	c.Put(config)
	return nil
}

// deployment returns the latest deployment of a job, or nil.
func (c *Cluster) deployment(job string) *api.Deployment {
	of := slices.Collect(reconciletest.List[*api.Deployment](c.World))
	of = slices.DeleteFunc(of, func(d *api.Deployment) bool { return d.JobID != job })
	if len(of) == 0 {
		return nil
	}
	return slices.MaxFunc(of, func(a, b *api.Deployment) int { return int(a.CreateIndex) - int(b.CreateIndex) })
}
