package deployment

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/health"
	"github.com/droverhq/drover/store"
)

// Descriptions of deployments that an operator moved.
const (
	paused       = "Deployment is paused"
	failedByHand = "Deployment marked as failed"
)

// Order is a change of a deployment that an operator asks for. What it returns is a
// function of a snapshot, so any server can work it out; it holds while the deployment
// is as it was read.
type Order struct {
	Snapshot store.Snapshot
	ID       string // of the deployment
	Now      time.Time
	NewID    func() string // makes the ID of an evaluation
}

// Change is what an order comes to.
type Change struct {
	Txn store.Txn
	// EvalID is the evaluation that makes the job controller look; empty: it need not.
	EvalID string
	// Reverted is the version that the job goes back to, if it does.
	Reverted *uint64
}

// begin reads the deployment of an order, which must not have ended: verb says what
// could not be done to it then.
func (o Order) begin(verb string) (*view, *api.Deployment, error) {
	d, ok := store.Get[*api.Deployment](o.Snapshot, (&api.Deployment{ID: o.ID}).Key())
	if !ok {
		return nil, nil, fmt.Errorf("deployment %s: %w", o.ID, api.ErrNotFound)
	}
	if !d.Active() {
		return nil, nil, refusal(d, "it is %s, too late to %s", d.Status, verb)
	}
	next := *d
	next.TaskGroups = make(map[string]*api.DeploymentState, len(d.TaskGroups))
	for name, state := range d.TaskGroups {
		own := *state
		next.TaskGroups[name] = &own
	}
	next.ModifyTime = o.Now.UnixNano()
	return readDeployment(o.Snapshot, d, o.Now), &next, nil
}

// ErrRefused is of orders that a deployment can't follow, as it is.
var ErrRefused = errors.New("refused")

type refusedError struct{ text string }

func (e *refusedError) Error() string { return e.text }
func (e *refusedError) Unwrap() error { return ErrRefused }

func refusal(d *api.Deployment, format string, args ...any) error {
	return &refusedError{fmt.Sprintf("deployment %s of job %q: %s", d.ID, d.JobID, fmt.Sprintf(format, args...))}
}

// write adds a deployment to a change, and an evaluation if the job controller should
// look.
func (o Order) write(c *Change, v *view, next *api.Deployment, look bool) {
	c.Txn.Conditions = append(c.Txn.Conditions, store.Unchanged(v.deployment))
	c.Txn.Writes = append(c.Txn.Writes, store.Put(next))
	if look && v.job != nil {
		e := v.evaluation(o.NewID())
		c.EvalID = e.ID
		c.Txn.Writes = append(c.Txn.Writes, store.Put(e))
	}
}

// halt makes passes of the job controller fail that are under way and may replace more:
// each holds only while its version is as it was read, so that is written again.
func (v *view) halt(txn *store.Txn) {
	if v.version == nil {
		return
	}
	again := *v.version
	txn.Writes = append(txn.Writes, store.Put(&again))
	txn.Conditions = append(txn.Conditions, store.Unchanged(v.version))
}

// Promote promotes the canaries of some groups, or of all if none is named. They have
// to be healthy.
func (o Order) Promote(groups []string) (Change, error) {
	v, next, err := o.begin("promote it")
	if err != nil {
		return Change{}, err
	}
	counts := o.census(v)
	if len(groups) == 0 {
		for name, state := range next.TaskGroups {
			if state.OnTrial() {
				groups = append(groups, name)
			}
		}
		if len(groups) == 0 {
			return Change{}, refusal(next, "no canaries to promote")
		}
	}
	slices.Sort(groups)
	var wrong []string
	for _, name := range slices.Compact(groups) {
		switch state := next.TaskGroups[name]; {
		case state == nil:
			wrong = append(wrong, fmt.Sprintf("it has no group %q; there is %s", name, strings.Join(slices.Sorted(maps.Keys(next.TaskGroups)), ", ")))
		case !state.OnTrial():
			wrong = append(wrong, fmt.Sprintf("group %q has no canaries to promote", name))
		case !counts.of(name).awaits(state):
			wrong = append(wrong, fmt.Sprintf("group %q has %d healthy canaries of %d", name, counts.of(name).tried, state.DesiredCanaries))
		default:
			promoteGroup(state, o.Now)
		}
	}
	if len(wrong) > 0 {
		return Change{}, refusal(next, "%s", strings.Join(wrong, "; "))
	}
	if next.Status == api.DeploymentRunning {
		next.StatusDescription = next.RunningDescription()
	}
	var p plan
	p.graduate(v, next)
	var c Change
	for _, a := range p.judged[:min(len(p.judged), maxTxnAllocations)] { // the controller sees to the others
		c.Txn.Writes = append(c.Txn.Writes, store.Put(a))
		c.Txn.Conditions = append(c.Txn.Conditions, store.Unchanged(a))
	}
	o.write(&c, v, next, true)
	return c, nil
}

// census reads the instances of a deployment, and counts them by the health that is
// known.
func (o Order) census(v *view) tallies {
	counts := make(tallies)
	ofDeployment := store.Query{Index: store.ByDeployment, Value: v.deployment.ID}
	for a := range store.List[*api.Allocation](o.Snapshot, ofDeployment) {
		i := instance{Allocation: a}
		i.status, _ = store.Get[*api.AllocationStatus](o.Snapshot, (&api.AllocationStatus{ID: a.ID}).Key())
		v.instances = append(v.instances, i)
		verdict := i.known()
		if i.status.Terminal() {
			verdict = health.Unhealthy // as will be said of it in a moment
		}
		counts.of(a.TaskGroup).add(&i, verdict, o.Now, o.Now)
	}
	return counts
}

// Pause pauses a deployment, or lets it go on. One that goes on has a whole progress
// deadline.
func (o Order) Pause(pause bool) (Change, error) {
	verb := "resume it"
	if pause {
		verb = "pause it"
	}
	v, next, err := o.begin(verb)
	if err != nil {
		return Change{}, err
	}
	if pause {
		next.Status, next.StatusDescription = api.DeploymentPaused, paused
	} else {
		if next.Status != api.DeploymentRunning {
			for _, state := range next.TaskGroups {
				allowProgress(state, o.Now)
			}
		}
		next.Status, next.StatusDescription = api.DeploymentRunning, next.RunningDescription()
	}
	var c Change
	o.write(&c, v, next, !pause)
	if pause {
		v.halt(&c.Txn)
	}
	return c, nil
}

// Fail ends a deployment, which goes back to the last stable version if its groups ask
// for that.
func (o Order) Fail() (Change, error) {
	v, next, err := o.begin("fail it")
	if err != nil {
		return Change{}, err
	}
	return o.fail(v, next, failedByHand), nil
}

// Unblock lets a deployment go on that waits for those of other regions. None does:
// each region is on its own here.
func (o Order) Unblock() (Change, error) {
	_, next, err := o.begin("unblock it")
	if err != nil {
		return Change{}, err
	}
	return Change{}, refusal(next, "it is %s and not blocked; only deployments of a job in several regions ever are", next.Status)
}

func (o Order) fail(v *view, next *api.Deployment, why string) Change {
	p := &plan{deployment: next}
	p.fail(v, next, why)
	var c Change
	o.write(&c, v, next, true)
	v.halt(&c.Txn)
	if p.revert != nil {
		c.Reverted = new(api.Deref(p.revert.Job.Version))
		revert(v, p.revert, &c.Txn)
	}
	return c
}

// SetHealth says of allocations of a deployment how they do. One that is unhealthy
// fails it.
func (o Order) SetHealth(good, bad []string) (Change, error) {
	v, next, err := o.begin("say how its allocations do")
	if err != nil {
		return Change{}, err
	}
	if len(good)+len(bad) == 0 {
		return Change{}, refusal(next, "name at least one allocation that is healthy or unhealthy")
	}
	var c Change
	said := make(map[string]bool)
	for n, id := range slices.Concat(good, bad) {
		a, ok := store.Get[*api.Allocation](o.Snapshot, (&api.Allocation{ID: id}).Key())
		switch {
		case said[id]:
			return Change{}, refusal(next, "allocation %s is named twice", id)
		case !ok || a.DeploymentID != next.ID:
			return Change{}, refusal(next, "it has no allocation %s", id)
		}
		said[id] = true
		i := &instance{Allocation: a}
		i.status, _ = store.Get[*api.AllocationStatus](o.Snapshot, (&api.AllocationStatus{ID: id}).Key())
		verdict := health.Healthy
		if n >= len(good) {
			verdict = health.Unhealthy
		}
		if verdict == health.Healthy && (!a.WantsRun() || i.status.Terminal()) {
			return Change{}, refusal(next, "allocation %s does not run, so it can't be healthy", id)
		}
		recount(next.TaskGroups[a.TaskGroup], i.known(), verdict)
		c.Txn.Writes = append(c.Txn.Writes, store.Put(i.as(verdict, v)))
		c.Txn.Conditions = append(c.Txn.Conditions, store.Unchanged(a))
	}
	if len(bad) == 0 {
		o.write(&c, v, next, true)
		return c, nil
	}
	failed := o.fail(v, next, failedUnhealthy)
	failed.Txn.Writes = append(c.Txn.Writes, failed.Txn.Writes...)
	failed.Txn.Conditions = append(c.Txn.Conditions, failed.Txn.Conditions...)
	return failed, nil
}

// recount counts an instance of a group by another health than before.
func recount(state *api.DeploymentState, before, after health.Verdict) {
	if state == nil {
		return
	}
	count := func(verdict health.Verdict, by int) {
		switch verdict {
		case health.Healthy:
			state.HealthyAllocs += by
		case health.Unhealthy:
			state.UnhealthyAllocs += by
		}
	}
	count(before, -1)
	count(after, 1)
}
