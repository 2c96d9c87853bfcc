package job

import (
	"encoding/binary"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/job/plan"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
)

// Preview is what registering a job would do.
type Preview struct {
	Annotations *api.PlanAnnotations
	// Failed says, by group, why instances would find no room.
	Failed map[string]*api.AllocationMetric
	// Preempted are the allocations of other jobs that would have to end.
	Preempted []*api.Allocation
	// Created are the evaluations that would be left waiting for room.
	Created []*api.Evaluation
	// Updates counts, by group and kind of change ("create", "in-place update", …),
	// the instances that would change: the Updates of api.TaskGroupDiff.
	Updates map[string]map[string]uint64
}

// DryRun says what would happen if the job were registered now. It is a pure
// function of a snapshot, so any server can answer it, and commits nothing.
//
// j must be canonical, and its Version the one that registering would give it: that
// of the stored job if nothing changes, the next one otherwise.
func DryRun(snap store.Snapshot, j *api.Job, now time.Time) *Preview {
	return new(Live).DryRun(snap, j, now)
}

// DryRun is the function of that name, but for the room on nodes, which is as the
// controller of this process sees it, if it runs.
func (l *Live) DryRun(snap store.Snapshot, j *api.Job, now time.Time) *Preview {
	req := reconcile.RequestFor(j.Key())
	v := plan.Read(snap, req, now)
	registered := *j
	create, modify := snap.Index()+1, snap.Index()+1
	if v.Job != nil {
		create, modify = v.Job.Indexes()
	}
	registered.SetIndexes(create, modify)
	v.Job = &registered

	newID := numbered()
	asked := newEvaluation(v, newID(), api.TriggerJobRegister)
	asked.JobModifyIndex = 0
	v.Pending = []*api.Evaluation{asked}

	nodes := l.copy(snap)
	p := plan.Decide(v, nodes, newID)
	o := &outcome{view: v, plan: p, placed: nodes.Try(v, p, snap, newID)}
	out := &Preview{
		Annotations: o.annotations(),
		Failed:      o.placed.Failed,
		Updates:     make(map[string]map[string]uint64, len(p.Groups)),
	}
	for _, e := range o.account(false, newID).writes {
		if e.Status == api.EvalBlocked {
			e.JobModifyIndex = 0
			e.SnapshotIndex = 0 // it is not going to be written
			out.Created = append(out.Created, e)
		}
	}
	for _, at := range o.placed.All() {
		for _, one := range o.placed.Evictions[at.AllocID] {
			out.Preempted = append(out.Preempted, one.Allocation)
		}
	}
	for name, counts := range out.Annotations.DesiredTGUpdates {
		out.Updates[name] = updates(counts)
	}
	return out
}

// updates names what is done to the instances of a group as a job's diff does.
func updates(c *api.DesiredUpdates) map[string]uint64 {
	out := make(map[string]uint64)
	for name, n := range map[string]uint64{
		"ignore":                c.Ignore,
		"create":                c.Place,
		"migrate":               c.Migrate,
		"destroy":               c.Stop,
		"in-place update":       c.InPlaceUpdate,
		"create/destroy update": c.DestructiveUpdate,
		"canary":                c.Canary,
		"preemptions":           c.Preemptions,
	} {
		if n > 0 {
			out[name] = n
		}
	}
	return out
}

// numbered returns a source of IDs that are good for one dry run.
func numbered() func() string {
	var n uint64
	return func() string {
		n++
		var b [16]byte
		binary.BigEndian.PutUint64(b[8:], n)
		return formatID(b)
	}
}
