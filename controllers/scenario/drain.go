package scenario

import (
	"fmt"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile/reconciletest"
)

// drain has an operator drain a node, or cancel that, as the HTTP API does it.
func (c *Cluster) drain(verb string, args []string) error {
	intent, ok := reconciletest.Find[*api.NodeIntent](c.World, (&api.NodeIntent{NodeID: args[0]}).Key())
	if !ok {
		return fmt.Errorf("there is no node %s", args[0])
	}
	var spec api.DrainSpec
	eligible := false
	for _, arg := range args[1:] {
		key, value, _ := strings.Cut(arg, "=")
		var err error
		switch key {
		case "deadline":
			spec.Deadline, err = time.ParseDuration(value)
		case "ignore_system":
			spec.IgnoreSystemJobs = true
		case "eligible":
			eligible = true
		default:
			return fmt.Errorf("a drain has no %q here", key)
		}
		if err != nil {
			return err
		}
	}
	if verb == "drain" {
		c.Put(intent.WithDrain(spec, api.NoAccessor, nil, c.Now()))
		return nil
	}
	if intent.Draining() {
		intent = intent.WithoutDrain("", nil, c.Now())
	}
	if eligible {
		intent = intent.WithEligibility(api.NodeEligible, c.Now())
	}
	c.Put(intent)
	return nil
}
