package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

// defaultDrainDeadline is how long instances may take to leave a node.
const defaultDrainDeadline = time.Hour

// drainOptions are the flags of node drain.
type drainOptions struct {
	enable, disable, monitor, detach, self, yes bool
	deadline                                    time.Duration
	force, noDeadline, ignoreSystem, keep       bool
	message                                     string
	meta                                        []string
	deadlineSet                                 bool
}

func (c *cli) nodeDrain() *cobra.Command {
	o := new(drainOptions)
	cmd := c.verb("drain [NODE]", "Empty a node, or stop doing so",
		`A node that is drained takes nothing new, and what runs on it leaves: services as many at
a time as the migrate blocks of their groups allow, batch jobs when they have ended, system
jobs last. At the deadline all that is left is stopped. One of -enable, -disable and
-monitor is required. -enable follows the drain to its end; leaving with Ctrl-C does not
cancel it. The node stays ineligible afterwards: -disable makes it eligible again, and
cancels a drain that goes on.`, cobra.MaximumNArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			if err := o.check(args); err != nil {
				return err
			}
			node, err := c.findNodeOrOwn(ctx, cl, o.self, args)
			if err != nil {
				return err
			}
			switch {
			case o.disable:
				return c.endDrain(ctx, cl, node, o)
			case o.enable:
				return c.beginDrain(ctx, cl, node, o)
			}
			return c.drainMonitor(cl, node.ID).follow(ctx)
		})
	f := cmd.Flags()
	f.BoolVar(&o.enable, "enable", false, "empty the node")
	f.BoolVar(&o.disable, "disable", false, "cancel the drain, and let the node take allocations")
	f.BoolVar(&o.monitor, "monitor", false, "only follow the drain that goes on")
	f.DurationVar(&o.deadline, "deadline", defaultDrainDeadline, "`duration` that instances may take to leave; 1h if not given")
	f.BoolVar(&o.force, "force", false, "stop everything at once")
	f.BoolVar(&o.noDeadline, "no-deadline", false, "wait for instances as long as they need")
	f.BoolVar(&o.ignoreSystem, "ignore-system", false, "leave system jobs where they are")
	f.BoolVar(&o.keep, "keep-ineligible", false, "with -disable: the node goes on taking nothing")
	f.StringVarP(&o.message, "message", "m", "", "`why`, for the record of the drain")
	f.StringArrayVar(&o.meta, "meta", nil, "`key=value` for the record of the drain; may be repeated")
	f.BoolVar(&o.detach, "detach", false, "do not follow the drain")
	f.BoolVar(&o.self, "self", false, "the node of the agent that is asked")
	f.BoolVar(&o.yes, "yes", false, "do not ask whether you are sure")
	o.deadlineGiven(cmd)
	return cmd
}

// deadlineGiven notes whether the deadline is the user's.
func (o *drainOptions) deadlineGiven(cmd *cobra.Command) {
	cmd.PreRun = func(cmd *cobra.Command, _ []string) { o.deadlineSet = cmd.Flags().Changed("deadline") }
}

// check refuses flags that contradict each other.
func (o *drainOptions) check(args []string) error {
	strategy := o.deadlineSet || o.force || o.noDeadline || o.ignoreSystem
	switch {
	case o.enable && o.disable, !o.enable && !o.disable && !o.monitor:
		return failf(1, "Either the '-enable' or '-disable' flag must be set, unless using '-monitor'")
	case o.disable && (strategy || o.monitor || o.detach):
		return failf(1, "-disable can't be combined with flags that say how to drain or to follow that")
	case o.monitor && !o.enable && (strategy || o.message != "" || len(o.meta) > 0):
		return failf(1, "-monitor only follows the drain that goes on: it can't be combined with flags that say how to drain")
	case o.monitor && o.detach:
		return failf(1, "-monitor and -detach contradict each other")
	case o.force && (o.noDeadline || o.deadlineSet), o.noDeadline && o.deadlineSet:
		return failf(1, "only one of -deadline, -force and -no-deadline can be given")
	case o.deadline <= 0:
		return failf(1, "A positive drain duration must be given: to stop everything at once use -force")
	case o.keep && !o.disable:
		return failf(1, "-keep-ineligible goes with -disable")
	}
	return whichNode(o.self, args)
}

func (o *drainOptions) spec() api.DrainSpec {
	spec := api.DrainSpec{Deadline: o.deadline, IgnoreSystemJobs: o.ignoreSystem}
	switch {
	case o.force:
		spec.Deadline = -1 * time.Second
	case o.noDeadline:
		spec.Deadline = 0
	}
	return spec
}

// record is what is to be kept of the drain.
func (o *drainOptions) record() (map[string]string, error) {
	meta := make(map[string]string)
	if o.message != "" {
		meta["message"] = o.message
	}
	for _, pair := range o.meta {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, failf(1, "-meta %q: write key=value", pair)
		}
		meta[key] = value
	}
	return meta, nil
}

// sure asks before a drain is begun or ended.
func (c *cli) sure(o *drainOptions, verb, node string) (bool, error) {
	if o.yes {
		return true, nil
	}
	ok, err := c.confirm("Are you sure you want to %s drain mode for node %q?", verb, node)
	if err == nil && !ok {
		fmt.Fprintln(c.Out, "Canceling drain toggle")
	}
	return ok, err
}

func (c *cli) beginDrain(ctx context.Context, cl *client.Client, node *api.NodeListStub, o *drainOptions) error {
	meta, err := o.record()
	if err != nil {
		return err
	}
	if ok, err := c.sure(o, "enable", node.ID); !ok {
		return err
	}
	// What is on the node before is what is followed.
	m := c.drainMonitor(cl, node.ID)
	if !o.detach {
		if err := m.start(ctx); err != nil {
			return err
		}
	}
	if _, err := cl.Nodes.Drain(ctx, node.ID, o.spec(), meta, client.Query{}); err != nil {
		return fmt.Errorf("Error updating drain specification: %w", err)
	}
	if o.detach {
		fmt.Fprintf(c.Out, "Node %q drain strategy set\n", node.ID)
		return nil
	}
	m.say("Ctrl-C to stop monitoring: will not cancel the node drain")
	m.say("Node %q drain strategy set", node.ID)
	m.draining = true
	return m.follow(ctx)
}

func (c *cli) endDrain(ctx context.Context, cl *client.Client, node *api.NodeListStub, o *drainOptions) error {
	meta, err := o.record()
	if err != nil {
		return err
	}
	if ok, err := c.sure(o, "disable", node.ID); !ok {
		return err
	}
	if _, err := cl.Nodes.CancelDrain(ctx, node.ID, !o.keep, meta, client.Query{}); err != nil {
		return fmt.Errorf("Error updating drain specification: %w", err)
	}
	fmt.Fprintf(c.Out, "Node %q drain strategy unset\n", node.ID)
	return nil
}
