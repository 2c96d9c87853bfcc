package gc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
)

// Options tune what is collected. The ages count from when an object was last written.
type Options struct {
	// Interval is how long after a pass the next one is made. Default 5 minutes. A pass
	// reads what has ended, and the IDs of all allocations: some tenths of a second of one
	// core per million.
	Interval time.Duration
	// EvalThreshold is how old an ended evaluation or allocation must be. Default 1 h.
	EvalThreshold time.Duration
	// JobThreshold is how old a dead job must be, with all that belongs to it.
	// Default 4 h.
	JobThreshold time.Duration
	// DeploymentThreshold is how old an ended deployment must be. Default 1 h.
	DeploymentThreshold time.Duration
	// NodeThreshold is how long a node without allocations must be down. Default 24 h.
	NodeThreshold time.Duration
	// EvalLimit, AllocationLimit, DeploymentLimit and JobLimit are how many ended
	// evaluations, allocations and deployments and how many dead jobs are kept, however
	// young: beyond, the oldest go first. They bound the memory of a server under steady
	// batch work. Defaults 100,000 evaluations and allocations, 20,000 deployments and
	// jobs.
	EvalLimit, AllocationLimit, DeploymentLimit, JobLimit int
	// TrackedVersions is how many versions of a job are kept for reverting to, besides
	// those that are tagged or in use. Default 6.
	TrackedVersions int
	// PassLimit is how many objects are removed in a pass; if more could be, the next
	// pass follows soon. Default 50,000.
	PassLimit int
}

const (
	defaultInterval  = 5 * time.Minute
	defaultEval      = time.Hour
	defaultJob       = 4 * time.Hour
	defaultNode      = 24 * time.Hour
	defaultVersions  = 6
	defaultPassLimit = 50_000
	defaultMany      = 100_000
	defaultSome      = 20_000

	// moreDelay lets others write between two passes when there is much to remove.
	moreDelay = time.Second
)

func (o Options) withDefaults() Options {
	duration := func(d *time.Duration, value time.Duration) {
		if *d <= 0 {
			*d = value
		}
	}
	duration(&o.Interval, defaultInterval)
	duration(&o.EvalThreshold, defaultEval)
	duration(&o.JobThreshold, defaultJob)
	duration(&o.DeploymentThreshold, defaultEval)
	duration(&o.NodeThreshold, defaultNode)
	number := func(n *int, value int) {
		if *n <= 0 {
			*n = value
		}
	}
	number(&o.EvalLimit, defaultMany)
	number(&o.AllocationLimit, defaultMany)
	number(&o.DeploymentLimit, defaultSome)
	number(&o.JobLimit, defaultSome)
	number(&o.TrackedVersions, defaultVersions)
	number(&o.PassLimit, defaultPassLimit)
	return o
}

// Register adds the controller to a manager. Its only key is that of the Leadership
// object, which is there exactly while somebody leads.
func Register(m *reconcile.Manager, o Options) error {
	o = o.withDefaults()
	b := reconcile.NewController("gc").For(api.KindLeadership)
	for _, kind := range []api.Kind{
		api.KindJob, api.KindJobStatus, api.KindJobAdmission, api.KindJobVersion, api.KindJobSubmission,
		api.KindAllocation, api.KindAllocationStatus, api.KindEvaluation, api.KindDeployment,
		api.KindNode, api.KindNodeIntent, api.KindNodeSession, api.KindNodeStatus, api.KindScalingEvents,
		api.KindPeriodicLaunch, api.KindDispatchToken, api.KindHostVolumeClaim,
	} {
		b.Writes(kind, reconcile.Removes)
	}
	return errors.Join(
		b.Complete(m, func(c reconcile.Client) reconcile.Reconciler { return &controller{c, o} }),
		registerExpiry(m),
	)
}

type controller struct {
	client  reconcile.Client
	options Options
}

// Reconcile makes a pass, and asks for the next.
func (c *controller) Reconcile(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
	report, err := Collect(ctx, c.client, c.client.Now(), c.options)
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("collect garbage: %w", err)
	}
	if report.More {
		return reconcile.Result{RequeueAfter: moreDelay}, nil
	}
	return reconcile.Result{RequeueAfter: c.options.Interval}, nil
}
