package job

import (
	"slices"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/job/plan"
)

// What evaluations that this controller writes say of themselves.
const (
	blockedDescription    = "created to place remaining allocations"
	supersededDescription = "a later pass over the job placed, or explains, what this one waited to place"
)

// record is the evaluations that a pass writes.
type record struct {
	// id is that of the evaluation that the pass is recorded in, and that its
	// allocations name; empty if it writes none.
	id      string
	writes  []*api.Evaluation
	blocked string // the evaluation that waits for room after the pass
}

// account records a pass. Whoever asked for it is answered; if nobody did and
// something was done, it is recorded anyway. What found no room is left to an
// evaluation that is blocked; there is at most one of a job.
//
// heard says that the job was woken because there may be room: then the blocked
// evaluation is written even if there was none, so that the store's feed says that
// the room was looked at.
func (o *outcome) account(heard bool, newID func() string) *record {
	v, at := o.view, o.placed
	r := &record{}
	short := 0
	for _, n := range at.Queued {
		short += n
	}
	waiting := newestBlocked(v)
	main := o.opening(short, newID)
	if main == nil {
		r.rewait(o, waiting, short, heard)
		return r
	}
	r.id = main.ID
	if main.Status == api.EvalBlocked && short > 0 {
		o.fill(main)
		o.explain(main)
		r.blocked = main.ID
		r.writes = append(r.writes, main)
		return r
	}
	switch {
	case short > 0 && waiting != nil && len(v.Pending) == 0:
		again := *waiting
		o.explain(&again)
		r.blocked, r.writes = again.ID, append(r.writes, &again)
	case short > 0:
		next := o.newBlocked(main, newID)
		r.blocked, r.writes = next.ID, append(r.writes, next)
	}
	r.retire(v, main.ID)
	r.complete(o, main)
	return r
}

// newestBlocked returns the evaluation that waits for room, or nil.
func newestBlocked(v *plan.View) *api.Evaluation {
	if len(v.Blocked) == 0 {
		return nil
	}
	return v.Blocked[len(v.Blocked)-1]
}

// opening returns the evaluation that a pass is recorded in, as it is before the
// pass, or nil if there is nothing to record.
func (o *outcome) opening(short int, newID func() string) *api.Evaluation {
	v := o.view
	if n := len(v.Pending); n > 0 {
		asked := *v.Pending[n-1]
		return &asked
	}
	waiting := newestBlocked(v)
	if !o.acts() && (short == 0 || waiting != nil) {
		return nil
	}
	trigger, prev := o.trigger(waiting != nil)
	if trigger == api.TriggerQueuedAllocs {
		again := *waiting
		return &again
	}
	if v.Last != nil { // one for each of many thousands of indexes would be too many
		again := *v.Last
		return &again
	}
	own := newEvaluation(v, newID(), trigger)
	if prev != nil && trigger == api.TriggerAllocFailure {
		own.PreviousEval = prev.EvalID
	}
	if prev != nil && (trigger == api.TriggerNodeUpdate || trigger == api.TriggerNodeDrain) {
		own.NodeID = prev.NodeID
	}
	return own
}

// newEvaluation returns an evaluation that this controller makes of its own accord.
func newEvaluation(v *plan.View, id, trigger string) *api.Evaluation {
	e := &api.Evaluation{
		ID:          id,
		Namespace:   v.Req.Namespace,
		JobID:       v.Req.ID,
		Type:        api.JobTypeService,
		Priority:    api.DefaultJobPriority,
		TriggeredBy: trigger,
		CreateTime:  v.Now.UnixNano(),
	}
	if v.Job != nil {
		e.Type = api.Deref(v.Job.Type)
		e.Priority = api.Deref(v.Job.Priority)
		e.JobModifyIndex = api.Deref(v.Job.JobModifyIndex)
	}
	return e
}

// newBlocked returns the evaluation that waits to place what a pass could not.
func (o *outcome) newBlocked(main *api.Evaluation, newID func() string) *api.Evaluation {
	e := newEvaluation(o.view, newID(), api.TriggerQueuedAllocs)
	e.Status = api.EvalBlocked
	e.StatusDescription = blockedDescription
	e.PreviousEval = main.ID
	o.explain(e)
	return e
}

// explain says in an evaluation why instances found no room.
func (o *outcome) explain(e *api.Evaluation) {
	e.FailedTGAllocs = o.placed.Failed
	if e.Status == api.EvalBlocked {
		e.ClassEligibility = o.placed.Classes
	}
	e.SnapshotIndex = o.view.Index
	e.ModifyTime = o.view.Now.UnixNano()
}

// fill says in an evaluation what a pass did.
func (o *outcome) fill(e *api.Evaluation) {
	o.explain(e)
	e.QueuedAllocations = o.queued()
	e.PlanAnnotations = o.annotations()
	if d := o.deployment(); d != "" {
		e.DeploymentID = d
	}
}

// complete writes the evaluation of a pass and answers the others that were asked
// for: they get the same answer.
func (r *record) complete(o *outcome, main *api.Evaluation) {
	answered := []*api.Evaluation{main}
	for _, e := range o.view.Pending {
		if e.ID != main.ID {
			also := *e
			answered = append(answered, &also)
		}
	}
	for _, e := range answered {
		o.fill(e)
		e.Status, e.StatusDescription = api.EvalComplete, o.remark()
		e.BlockedEval = r.blocked
		r.writes = append(r.writes, e)
	}
}

// retire ends the evaluations that waited for room, but not the one that a pass is
// recorded in, nor the one that goes on waiting.
func (r *record) retire(v *plan.View, main string) {
	for _, e := range v.Blocked {
		if e.ID == main || e.ID == r.blocked {
			continue
		}
		ended := *e
		ended.Status = api.EvalCancelled
		ended.StatusDescription = supersededDescription
		ended.NextEval = main
		ended.ModifyTime = v.Now.UnixNano()
		r.writes = append(r.writes, &ended)
	}
}

// rewait brings the blocked evaluation up to date after a pass that did nothing.
func (r *record) rewait(o *outcome, waiting *api.Evaluation, short int, heard bool) {
	if short > 0 {
		r.blocked = waiting.ID
		if heard || !sameReasons(waiting.FailedTGAllocs, o.placed.Failed) {
			again := *waiting
			o.explain(&again)
			r.writes = append(r.writes, &again)
		}
	}
	r.retire(o.view, "")
}

// sameReasons reports whether two passes failed to place for the same reasons. How
// long it took to find out does not count.
func sameReasons(a, b map[string]*api.AllocationMetric) bool {
	if len(a) != len(b) {
		return false
	}
	for group, x := range a {
		y := b[group]
		if y == nil || !api.Same(x, y, "AllocationTime") {
			return false
		}
	}
	return true
}

// acts reports whether a pass writes allocations or deployments.
func (o *outcome) acts() bool {
	p := o.plan
	if p.Fresh || p.Revised || len(p.Cancelled) > 0 {
		return true
	}
	for n, g := range p.Groups {
		if len(g.InPlace)+len(g.Stop)+len(g.Kept) > 0 {
			return true
		}
		for i := range g.Wants {
			if o.placed.Groups[n][i].AllocID != "" || g.Wants[i].Leaves() {
				return true
			}
		}
	}
	return false
}

// trigger says what made a pass necessary that nobody asked for, and, if it is known,
// which instance.
func (o *outcome) trigger(backlog bool) (string, *plan.Instance) {
	p := o.plan
	first := make(map[plan.Reason]*plan.Want)
	tried := false
	for n, g := range p.Groups {
		for i := range g.Wants {
			w, found := &g.Wants[i], o.placed.Groups[n][i].AllocID != ""
			if first[w.Why] == nil && (found || w.Leaves() || !backlog) {
				first[w.Why] = w
			}
			tried = tried || w.Canary && w.Why == plan.Missing && found
		}
	}
	raised := slices.ContainsFunc(p.Groups, func(g *plan.Group) bool { return len(g.InPlace) > 0 })
	switch {
	case slices.ContainsFunc(p.Groups, (*plan.Group).Reunites):
		return api.TriggerReconnect, nil
	case first[plan.Rescheduled] != nil:
		return api.TriggerAllocFailure, first[plan.Rescheduled].Prev
	case first[plan.Migrated] != nil && first[plan.Migrated].Leaves():
		return api.TriggerNodeDrain, first[plan.Migrated].Prev // users ask for a pass, too
	case backlog && len(first) > 0:
		return api.TriggerQueuedAllocs, nil
	case first[plan.Migrated] != nil && first[plan.Migrated].Prev.Live():
		return api.TriggerNodeDrain, first[plan.Migrated].Prev
	case p.Rollout != nil && (first[plan.Updated] != nil || raised || tried):
		return api.TriggerDeployment, nil
	case first[plan.Preempted] != nil:
		return api.TriggerPreemption, first[plan.Preempted].Prev
	case first[plan.Lost] != nil:
		return api.TriggerNodeUpdate, first[plan.Lost].Prev
	case o.view.Job != nil && o.view.Job.IsSystem():
		return api.TriggerNodeUpdate, nil
	}
	return api.TriggerReconcile, nil
}

// annotations says what a pass does to each group, and to others for its sake.
func (o *outcome) annotations() *api.PlanAnnotations {
	updates := make(map[string]*api.DesiredUpdates, len(o.plan.Groups))
	for _, g := range o.plan.Groups {
		counts := g.Counts
		updates[g.Name] = &counts
	}
	for n, at := range o.placed.All() {
		updates[o.plan.Groups[n].Name].Preemptions += uint64(len(o.placed.Evictions[at.AllocID]))
	}
	return &api.PlanAnnotations{DesiredTGUpdates: updates}
}

// deployment returns the deployment that a pass is within: the one that goes on, or
// one that the pass ends.
func (o *outcome) deployment() string {
	p := o.plan
	if p.Rollout != nil {
		return p.Rollout.ID
	}
	if len(p.Cancelled) > 0 {
		return p.Cancelled[len(p.Cancelled)-1].ID
	}
	return ""
}
