package job

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/droverhq/drover/api"
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
func (v *view) account(p *plan, at *placed, heard bool, newID func() string) *record {
	r := &record{}
	short := 0
	for _, n := range at.queued {
		short += n
	}
	waiting := v.newestBlocked()
	main := v.opening(p, at, short, newID)
	if main == nil {
		r.rewait(v, at, waiting, short, heard)
		return r
	}
	r.id = main.ID
	if main.Status == api.EvalBlocked && short > 0 {
		v.fill(main, p, at)
		v.explain(main, at)
		r.blocked = main.ID
		r.writes = append(r.writes, main)
		return r
	}
	switch {
	case short > 0 && waiting != nil && len(v.pending) == 0:
		again := *waiting
		v.explain(&again, at)
		r.blocked, r.writes = again.ID, append(r.writes, &again)
	case short > 0:
		next := v.newBlocked(main, at, newID)
		r.blocked, r.writes = next.ID, append(r.writes, next)
	}
	r.retire(v, main.ID)
	r.complete(v, p, at, main)
	return r
}

// newestBlocked returns the evaluation that waits for room, or nil.
func (v *view) newestBlocked() *api.Evaluation {
	if len(v.blocked) == 0 {
		return nil
	}
	return v.blocked[len(v.blocked)-1]
}

// opening returns the evaluation that a pass is recorded in, as it is before the
// pass, or nil if there is nothing to record.
func (v *view) opening(p *plan, at *placed, short int, newID func() string) *api.Evaluation {
	if n := len(v.pending); n > 0 {
		asked := *v.pending[n-1]
		return &asked
	}
	waiting := v.newestBlocked()
	if !p.acts(at) && (short == 0 || waiting != nil) {
		return nil
	}
	trigger, prev := p.trigger(v, at, waiting != nil)
	if trigger == api.TriggerQueuedAllocs {
		again := *waiting
		return &again
	}
	if v.last != nil { // one for each of many thousands of indexes would be too many
		again := *v.last
		return &again
	}
	own := v.newEvaluation(newID(), trigger)
	if prev != nil && trigger == api.TriggerAllocFailure {
		own.PreviousEval = prev.EvalID
	}
	if prev != nil && (trigger == api.TriggerNodeUpdate || trigger == api.TriggerNodeDrain) {
		own.NodeID = prev.NodeID
	}
	return own
}

// newEvaluation returns an evaluation that this controller makes of its own accord.
func (v *view) newEvaluation(id, trigger string) *api.Evaluation {
	e := &api.Evaluation{
		ID:          id,
		Namespace:   v.req.Namespace,
		JobID:       v.req.ID,
		Type:        api.JobTypeService,
		Priority:    api.DefaultJobPriority,
		TriggeredBy: trigger,
		CreateTime:  v.now.UnixNano(),
	}
	if v.job != nil {
		e.Type = api.Deref(v.job.Type)
		e.Priority = api.Deref(v.job.Priority)
		e.JobModifyIndex = api.Deref(v.job.JobModifyIndex)
	}
	return e
}

// newBlocked returns the evaluation that waits to place what a pass could not.
func (v *view) newBlocked(main *api.Evaluation, at *placed, newID func() string) *api.Evaluation {
	e := v.newEvaluation(newID(), api.TriggerQueuedAllocs)
	e.Status = api.EvalBlocked
	e.StatusDescription = blockedDescription
	e.PreviousEval = main.ID
	v.explain(e, at)
	return e
}

// explain says in an evaluation why instances found no room.
func (v *view) explain(e *api.Evaluation, at *placed) {
	e.FailedTGAllocs = at.failed
	if e.Status == api.EvalBlocked {
		e.ClassEligibility = at.classes
	}
	e.SnapshotIndex = v.index
	e.ModifyTime = v.now.UnixNano()
}

// fill says in an evaluation what a pass did.
func (v *view) fill(e *api.Evaluation, p *plan, at *placed) {
	v.explain(e, at)
	e.QueuedAllocations = p.queued(at)
	e.PlanAnnotations = p.annotations()
	if d := p.deployment(); d != "" {
		e.DeploymentID = d
	}
}

// complete writes the evaluation of a pass and answers the others that were asked
// for: they get the same answer.
func (r *record) complete(v *view, p *plan, at *placed, main *api.Evaluation) {
	answered := []*api.Evaluation{main}
	for _, e := range v.pending {
		if e.ID != main.ID {
			also := *e
			answered = append(answered, &also)
		}
	}
	for _, e := range answered {
		v.fill(e, p, at)
		e.Status, e.StatusDescription = api.EvalComplete, v.remark(p)
		e.BlockedEval = r.blocked
		r.writes = append(r.writes, e)
	}
}

// retire ends the evaluations that waited for room, but not the one that a pass is
// recorded in, nor the one that goes on waiting.
func (r *record) retire(v *view, main string) {
	for _, e := range v.blocked {
		if e.ID == main || e.ID == r.blocked {
			continue
		}
		ended := *e
		ended.Status = api.EvalCancelled
		ended.StatusDescription = supersededDescription
		ended.NextEval = main
		ended.ModifyTime = v.now.UnixNano()
		r.writes = append(r.writes, &ended)
	}
}

// rewait brings the blocked evaluation up to date after a pass that did nothing.
func (r *record) rewait(v *view, at *placed, waiting *api.Evaluation, short int, heard bool) {
	if short > 0 {
		r.blocked = waiting.ID
		if heard || !sameReasons(waiting.FailedTGAllocs, at.failed) {
			again := *waiting
			v.explain(&again, at)
			r.writes = append(r.writes, &again)
		}
	}
	r.retire(v, "")
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

// acts reports whether a plan writes allocations or deployments, once it is known
// where its instances go.
func (p *plan) acts(at *placed) bool {
	if p.fresh || p.revised || len(p.cancelled) > 0 {
		return true
	}
	for n, g := range p.groups {
		if len(g.inPlace)+len(g.stop)+len(g.kept) > 0 {
			return true
		}
		for i := range g.wants {
			if at.groups[n][i].AllocID != "" || g.wants[i].leaves() {
				return true
			}
		}
	}
	return false
}

// leaves reports whether the predecessor stops even if there is no room for its
// successor; as there can't be any elsewhere while it holds what nobody can share.
func (w *want) leaves() bool {
	return w.why == migrated && w.prev.live() && (!w.patient() || clings(w.prev.Allocation))
}

// trigger says what made a pass necessary that nobody asked for, and, if it is known,
// which instance.
func (p *plan) trigger(v *view, at *placed, backlog bool) (string, *instance) {
	var first [reasons]*want
	tried := false
	for n, g := range p.groups {
		for i := range g.wants {
			w := &g.wants[i]
			if first[w.why] == nil && (at.groups[n][i].AllocID != "" || w.leaves() || !backlog) {
				first[w.why] = w
			}
			tried = tried || w.canary && w.why == missing && at.groups[n][i].AllocID != ""
		}
	}
	raised := slices.ContainsFunc(p.groups, func(g *groupPlan) bool { return len(g.inPlace) > 0 })
	waited := first[missing] != nil || first[lost] != nil || first[migrated] != nil || first[updated] != nil || first[resumed] != nil || first[preempted] != nil
	switch {
	case slices.ContainsFunc(p.groups, (*groupPlan).reunites):
		return api.TriggerReconnect, nil
	case first[rescheduled] != nil:
		return api.TriggerAllocFailure, first[rescheduled].prev
	case first[migrated] != nil && first[migrated].leaves():
		return api.TriggerNodeDrain, first[migrated].prev // users ask for a pass, too
	case backlog && waited:
		return api.TriggerQueuedAllocs, nil
	case first[migrated] != nil && first[migrated].prev.live():
		return api.TriggerNodeDrain, first[migrated].prev
	case p.rollout != nil && (first[updated] != nil || raised || tried):
		return api.TriggerDeployment, nil
	case first[preempted] != nil:
		return api.TriggerPreemption, first[preempted].prev
	case first[lost] != nil:
		return api.TriggerNodeUpdate, first[lost].prev
	case v.job != nil && v.job.IsSystem():
		return api.TriggerNodeUpdate, nil
	}
	return api.TriggerReconcile, nil
}

// annotations says what a plan does to each group.
func (p *plan) annotations() *api.PlanAnnotations {
	updates := make(map[string]*api.DesiredUpdates, len(p.groups))
	for _, g := range p.groups {
		counts := g.counts
		updates[g.name] = &counts
	}
	return &api.PlanAnnotations{DesiredTGUpdates: updates}
}

// deployment returns the deployment that a pass is within: the one that goes on, or
// one that the pass ends.
func (p *plan) deployment() string {
	if p.rollout != nil {
		return p.rollout.ID
	}
	if len(p.cancelled) > 0 {
		return p.cancelled[len(p.cancelled)-1].ID
	}
	return ""
}

// sortByAge orders evaluations by when they were asked for.
func sortByAge(evals []*api.Evaluation) {
	slices.SortFunc(evals, func(a, b *api.Evaluation) int {
		return cmp.Or(cmp.Compare(a.CreateIndex, b.CreateIndex), strings.Compare(a.ID, b.ID))
	})
}

// backlog returns what of a pass found no room, by group, or nil.
func (o *placed) backlog() map[string]int { return nonZero(o.queued) }

// nonZero returns the entries that count something, or nil.
func nonZero(counts map[string]int) map[string]int {
	some := maps.Clone(counts)
	maps.DeleteFunc(some, func(_ string, n int) bool { return n == 0 })
	if len(some) == 0 {
		return nil
	}
	return some
}
