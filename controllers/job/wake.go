package job

import (
	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/job/plan"
	"github.com/droverhq/drover/controllers/job/room"
	"github.com/droverhq/drover/controllers/job/roster"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
)

// knowledge is what passes know before they read anything. It follows the change feed, and
// says of each change which jobs have to be looked at because of it.
type knowledge struct {
	fleet   *room.Fleet
	rosters *roster.Keeper
}

// Lock locks what is known while changes are followed: the manager does, for many at once.
func (k *knowledge) Lock() {
	k.fleet.Guard().Lock()
	k.rosters.Guard().Lock()
}

// Unlock ends what Lock began.
func (k *knowledge) Unlock() {
	k.rosters.Guard().Unlock()
	k.fleet.Guard().Unlock()
}

// onJob follows the jobs; For has woken the pass.
func (k *knowledge) onJob(_ store.Snapshot, c store.Change) []reconcile.Request {
	before, _ := c.Old.(*api.Job)
	after, _ := c.New.(*api.Job)
	req := reconcile.RequestFor(c.Key)
	if after == nil {
		k.rosters.JobGone(req)
	}
	return k.fleet.JobChanged(req, before, after)
}

// onAllocation wakes a job when somebody else asks for something to be done about an
// allocation of it.
func (k *knowledge) onAllocation(snap store.Snapshot, c store.Change) []reconcile.Request {
	before, _ := c.Old.(*api.Allocation)
	after, _ := c.New.(*api.Allocation)
	a := after
	if a == nil {
		a = before
	}
	now, _ := store.Get[*api.Allocation](snap, a.Key())
	k.rosters.AllocationChanged(snap, a, now)
	woken := k.fleet.AllocationChanged(snap, before, after, now)
	if after == nil || before != nil && asksMore(before, after) {
		woken = append(woken, reconcile.Request{Namespace: a.Namespace, ID: a.JobID})
	}
	return woken
}

// asksMore reports whether a change of an allocation was made by another controller
// or by a user, and concerns its job.
func asksMore(before, after *api.Allocation) bool {
	return before.Lost != after.Lost || before.WantsRun() && after.DesiredStatus == api.AllocDesiredEvict ||
		api.Deref(before.DesiredTransition.Migrate) != api.Deref(after.DesiredTransition.Migrate) ||
		api.Deref(before.DesiredTransition.MigrateWhenPlaced) != api.Deref(after.DesiredTransition.MigrateWhenPlaced) ||
		api.Deref(before.DesiredTransition.Reschedule) != api.Deref(after.DesiredTransition.Reschedule) ||
		api.Deref(before.DesiredTransition.ForceReschedule) != api.Deref(after.DesiredTransition.ForceReschedule) ||
		plan.HealthOf(before) != plan.HealthOf(after)
}

// onStatus wakes a job when an instance of it ended.
func (k *knowledge) onStatus(snap store.Snapshot, c store.Change) []reconcile.Request {
	before, _ := c.Old.(*api.AllocationStatus)
	after, _ := c.New.(*api.AllocationStatus)
	if after == nil {
		return nil
	}
	k.rosters.StatusChanged(snap, after)
	if before.Terminal() == after.Terminal() {
		return nil
	}
	woken := k.fleet.AllocationEnded(snap, after)
	return append(woken, reconcile.Request{Namespace: after.Namespace, ID: after.JobID})
}

// onEvaluation wakes a job when a pass over it is asked for. Every pass that changes
// anything ends with a write to an evaluation.
func (k *knowledge) onEvaluation(snap store.Snapshot, c store.Change) []reconcile.Request {
	e, ok := c.New.(*api.Evaluation)
	if !ok {
		return nil
	}
	woken := k.fleet.Looked(snap, reconcile.Request{Namespace: e.Namespace, ID: e.JobID})
	if !asked(c) {
		return woken
	}
	return append(woken, ofEvaluation(nil, c)...)
}

// asked passes evaluations that ask for a pass.
func asked(c store.Change) bool {
	e, ok := c.New.(*api.Evaluation)
	return ok && e.Status == api.EvalPending
}

func ofEvaluation(_ store.Snapshot, c store.Change) []reconcile.Request {
	e := c.New.(*api.Evaluation)
	return []reconcile.Request{{Namespace: e.Namespace, ID: e.JobID}}
}

func onDeployment(_ store.Snapshot, c store.Change) []reconcile.Request {
	d := c.New.(*api.Deployment)
	return []reconcile.Request{{Namespace: d.Namespace, ID: d.JobID}}
}

// deploymentMoved passes changes by which more may be done, or less.
func deploymentMoved(before, after *api.Deployment) bool {
	if before.Status != after.Status {
		return true
	}
	for group, state := range after.TaskGroups {
		if before.TaskGroups[group].OnTrial() != state.OnTrial() {
			return true
		}
	}
	return false
}
