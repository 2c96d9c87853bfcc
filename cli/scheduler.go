package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

func (c *cli) schedulerGet() *cobra.Command {
	form := new(form)
	cmd := c.verb("get-config", "Show how jobs are placed", "Node pools may have settings of their own: drover node pool info POOL.", cobra.NoArgs,
		func(ctx context.Context, cl *client.Client, _ []string) error {
			config, _, err := cl.Operator.Scheduler(ctx, client.Query{})
			if err != nil {
				return fmt.Errorf("Error querying scheduler configuration: %w", err)
			}
			if form.asked() {
				return form.print(c.Out, config)
			}
			fmt.Fprint(c.Out, schedulerText(config))
			return nil
		})
	form.register(cmd.Flags())
	return cmd
}

func schedulerText(s *api.SchedulerConfiguration) string {
	return pairs(
		"Scheduler Algorithm", s.SchedulerAlgorithm,
		"Memory Oversubscription", strconv.FormatBool(s.MemoryOversubscriptionEnabled),
		"Reject Job Registration", strconv.FormatBool(s.RejectJobRegistration),
		"Pause Eval Broker", strconv.FormatBool(s.PauseEvalBroker),
		"Preemption System Scheduler", strconv.FormatBool(s.PreemptionConfig.SystemSchedulerEnabled),
		"Preemption Service Scheduler", strconv.FormatBool(s.PreemptionConfig.ServiceSchedulerEnabled),
		"Preemption Batch Scheduler", strconv.FormatBool(s.PreemptionConfig.BatchSchedulerEnabled),
		"Preemption SysBatch Scheduler", strconv.FormatBool(s.PreemptionConfig.SysBatchSchedulerEnabled),
		"Node Limit For Feasibility Checks", strconv.Itoa(s.NodeLimitForFeasibilityChecks),
		"Modify Index", strconv.FormatUint(s.ModifyIndex, 10),
	)
}

// schedulerChange is what the flags of set-config ask for.
type schedulerChange struct {
	api.SchedulerConfiguration
	checkIndex uint64
}

func (s *schedulerChange) register(f *pflag.FlagSet) {
	f.Uint64Var(&s.checkIndex, "check-index", 0, "change it only if its modify `index` is this")
	f.StringVar(&s.SchedulerAlgorithm, "scheduler-algorithm", "", "fill few nodes (binpack) or take the emptiest (spread)")
	f.IntVar(&s.NodeLimitForFeasibilityChecks, "node-limit-for-feasibility-checks", 0, "not supported: every node is looked at")
	for name, to := range s.switches() {
		f.BoolVar(to.value, name, false, to.usage)
	}
}

// toggle is a setting that is on or off.
type toggle struct {
	value *bool
	usage string
}

func (s *schedulerChange) switches() map[string]toggle {
	p := &s.PreemptionConfig
	return map[string]toggle{
		"memory-oversubscription":    {&s.MemoryOversubscriptionEnabled, "tasks may use up to their memory_max"},
		"reject-job-registration":    {&s.RejectJobRegistration, "refuse new jobs, versions, children and counts"},
		"pause-eval-broker":          {&s.PauseEvalBroker, "place, replace and stop nothing until it is false again"},
		"preempt-batch-scheduler":    {&p.BatchSchedulerEnabled, "batch jobs may evict what has a lower priority"},
		"preempt-service-scheduler":  {&p.ServiceSchedulerEnabled, "service jobs may"},
		"preempt-sysbatch-scheduler": {&p.SysBatchSchedulerEnabled, "sysbatch jobs may"},
		"preempt-system-scheduler":   {&p.SystemSchedulerEnabled, "system jobs may"},
	}
}

// apply changes what flags were given for.
func (s *schedulerChange) apply(f *pflag.FlagSet, config *api.SchedulerConfiguration) {
	next := schedulerChange{SchedulerConfiguration: *config}
	to := next.switches()
	for name, from := range s.switches() {
		if f.Changed(name) {
			*to[name].value = *from.value
		}
	}
	*config = next.SchedulerConfiguration
	if f.Changed("scheduler-algorithm") {
		config.SchedulerAlgorithm = s.SchedulerAlgorithm
	}
	if f.Changed("node-limit-for-feasibility-checks") {
		config.NodeLimitForFeasibilityChecks = s.NodeLimitForFeasibilityChecks
	}
}

func (c *cli) schedulerSet() *cobra.Command {
	change := new(schedulerChange)
	var cmd *cobra.Command
	cmd = c.verb("set-config", "Change how jobs are placed",
		"Only what is given as a flag changes. It holds from the next placement on; what runs stays.\n\n"+
			"  drover operator scheduler set-config -preempt-service-scheduler -scheduler-algorithm spread\n"+
			"  drover operator scheduler set-config -pause-eval-broker=false", cobra.NoArgs,
		func(ctx context.Context, cl *client.Client, _ []string) error {
			config, _, err := cl.Operator.Scheduler(ctx, client.Query{})
			if err != nil {
				return fmt.Errorf("Error querying scheduler configuration: %w", err)
			}
			if cmd.Flags().Changed("check-index") && change.checkIndex != config.ModifyIndex {
				return fmt.Errorf("-check-index %d is not the modify index, which is %d: look at it again", change.checkIndex, config.ModifyIndex)
			}
			change.apply(cmd.Flags(), config)
			updated, err := cl.Operator.SetScheduler(ctx, config, client.CAS(config.ModifyIndex))
			switch {
			case err != nil:
				return fmt.Errorf("Error updating scheduler configuration: %w", err)
			case !updated:
				return errors.New("somebody else has changed the scheduler configuration meanwhile: look at it and try again")
			}
			fmt.Fprintln(c.Out, "Scheduler configuration updated!")
			return nil
		})
	change.register(cmd.Flags())
	return cmd
}
