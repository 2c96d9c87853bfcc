package httpapi

import (
	"math"
	"slices"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// scaleJob is PUT /v1/job/ID/scale: another count for a group, or a word about it.
func scaleJob(c *call) error {
	var in api.ScalingRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	group, err := scalingTarget(in)
	if err != nil {
		return err
	}
	namespace, id := c.jobOf()
	var did registered
	index, err := c.api.change(c.http.Context(), func(s store.Snapshot) (txn store.Txn, err error) {
		txn, did, err = planScale(s, namespace, id, group, in, c.api.now())
		return txn, err
	})
	if err != nil {
		return err
	}
	out := api.JobRegisterResponse{JobModifyIndex: did.unchangedAt, Index: index}
	out.EvalID, out.EvalCreateIndex = did.asked(index)
	if did.unchangedAt == 0 {
		out.JobModifyIndex = index
	}
	c.indexHeader(index)
	return c.answer(out)
}

// scalingTarget returns the group that a request is about.
func scalingTarget(in api.ScalingRequest) (string, error) {
	group := in.Target[api.ScalingTargetGroup]
	switch {
	case group == "":
		return "", malformed("missing task group name for scaling action")
	case in.Count != nil && in.Error:
		return "", malformed("scaling action should not contain count if error is true")
	case in.Count != nil && *in.Count < 0:
		return "", malformed("scaling action count can't be negative")
	case in.Count != nil && *in.Count > math.MaxInt32:
		return "", malformed("scaling action count can't be more than %d", math.MaxInt32)
	}
	return group, nil
}

// planScale returns the transaction that scales a group: a version of the job with
// another count, and the event that tells of it.
func planScale(s store.Snapshot, namespace, id, group string, in api.ScalingRequest, now time.Time) (store.Txn, registered, error) {
	current := get[*api.Job](s, api.JobKey(namespace, id))
	if current == nil {
		return store.Txn{}, registered{}, wordedf(api.ErrNotFound, "job %q not found", id)
	}
	g := current.Group(group)
	if g == nil {
		return store.Txn{}, registered{}, malformed("task group %q specified for scaling does not exist in job", group)
	}
	event := &api.ScalingEvent{
		Group: group, Time: uint64(now.UnixNano()), Count: in.Count, PreviousCount: int64(api.Deref(g.Count)),
		Message: in.Message, Error: in.Error, Meta: in.Meta,
	}
	if in.Count == nil {
		did := registered{job: current, unchangedAt: api.Deref(current.JobModifyIndex)}
		return recordScaling(s, store.Txn{Conditions: []store.Condition{store.Unchanged(current)}}, current, event), did, nil
	}
	if err := mayScale(s, current, g, *in.Count); err != nil {
		return store.Txn{}, registered{}, err
	}
	scaled, err := api.Clone(current)
	if err != nil {
		return store.Txn{}, registered{}, err
	}
	scaled.Group(group).Count = new(int(*in.Count))
	txn, did, err := planRegister(s, registration{
		job: scaled, enforce: in.EnforceIndex, index: in.JobModifyIndex, trigger: api.TriggerScaling,
	}, now)
	if err != nil {
		return txn, did, err
	}
	if did.eval != nil {
		event.EvalID = &did.eval.ID
	}
	return recordScaling(s, txn, current, event), did, nil
}

// mayScale says why a group can't have a count now.
func mayScale(s store.Snapshot, j *api.Job, g *api.TaskGroup, count int64) error {
	switch {
	case j.IsSystem():
		return malformed("cannot scale jobs of type %q", api.Deref(j.Type))
	case j.Stopped():
		return malformed("job %q is stopped: run it again before it is scaled", api.Deref(j.ID))
	case g.Indexed != nil:
		return malformed("group %q is indexed: change its parallelism in the jobspec", api.Deref(g.Name))
	case (api.Deref(g.Gang) || api.Deref(j.AllAtOnce)) && count > api.MaxGang:
		return malformed("the instances of group %q are placed at once: it can have %d of them, not %d", api.Deref(g.Name), api.MaxGang, count)
	}
	if d := latestDeployment(s, api.Deref(j.Namespace), api.Deref(j.ID)); d != nil && d.Active() && d.JobCreateIndex == api.Deref(j.CreateIndex) {
		return malformed("job scaling blocked due to active deployment")
	}
	if p := g.Scaling; p != nil {
		if p.Min != nil && count < *p.Min {
			return malformed("group count was less than scaling policy minimum: %d < %d", count, *p.Min)
		}
		if p.Max != nil && count > *p.Max {
			return malformed("group count was greater than scaling policy maximum: %d > %d", count, *p.Max)
		}
	}
	return nil
}

// recordScaling adds an event to what is kept of a job's scaling.
func recordScaling(s store.Snapshot, txn store.Txn, j *api.Job, event *api.ScalingEvent) store.Txn {
	next := &api.ScalingEvents{Namespace: api.Deref(j.Namespace), JobID: api.Deref(j.ID), Events: []*api.ScalingEvent{event}}
	kept := get[*api.ScalingEvents](s, next.Key())
	if kept == nil {
		txn.Conditions = append(txn.Conditions, store.Absent(next.Key()))
	} else {
		txn.Conditions = append(txn.Conditions, store.Unchanged(kept))
		next.Events = append(next.Events, indexedEvents(kept)...)
	}
	ofGroup := 0
	next.Events = slices.DeleteFunc(next.Events, func(e *api.ScalingEvent) bool {
		if e.Group == event.Group {
			ofGroup++
		}
		return e.Group == event.Group && ofGroup > api.MaxScalingEvents
	})
	txn.Writes = append(txn.Writes, store.Put(next))
	return txn
}

// indexedEvents returns the events with the indexes at which they were written. The
// index of the latest is not known when it is written: it is that of the object.
func indexedEvents(kept *api.ScalingEvents) []*api.ScalingEvent {
	events := slices.Clone(kept.Events)
	if len(events) > 0 && events[0].CreateIndex == 0 {
		latest := *events[0]
		latest.CreateIndex = kept.ModifyIndex
		events[0] = &latest
	}
	return events
}

// readScale is GET /v1/job/ID/scale.
func readScale(s store.Snapshot, c *call) (any, error) {
	namespace, id := c.jobOf()
	j := get[*api.Job](s, api.JobKey(namespace, id))
	if j == nil {
		return nil, errNoJob()
	}
	out := &api.JobScaleStatus{
		JobID: id, Namespace: namespace, JobStopped: j.Stopped(), TaskGroups: make(map[string]api.TaskGroupScaleStatus),
		JobCreateIndex: api.Deref(j.CreateIndex), JobModifyIndex: api.Deref(j.JobModifyIndex),
	}
	for _, g := range j.TaskGroups {
		out.TaskGroups[api.Deref(g.Name)] = api.TaskGroupScaleStatus{Desired: api.Deref(g.Count)}
	}
	for a := range store.List[*api.Allocation](s, store.Query{Index: store.ByJob, Value: store.JobValue(namespace, id)}) {
		if g, ok := out.TaskGroups[a.TaskGroup]; ok && a.WantsRun() {
			status := get[*api.AllocationStatus](s, api.Key{Kind: api.KindAllocationStatus, ID: a.ID})
			out.TaskGroups[a.TaskGroup] = countScale(g, a, status)
		}
	}
	if kept := get[*api.ScalingEvents](s, api.ScalingEventsKey(namespace, id)); kept != nil {
		for _, e := range indexedEvents(kept) {
			if g, ok := out.TaskGroups[e.Group]; ok {
				g.Events = append(g.Events, e)
				out.TaskGroups[e.Group] = g
			}
		}
	}
	return out, nil
}

// countScale adds an instance that should run to the counts of its group. status may
// be nil.
func countScale(g api.TaskGroupScaleStatus, a *api.Allocation, status *api.AllocationStatus) api.TaskGroupScaleStatus {
	if status.Terminal() {
		return g
	}
	g.Placed++
	if client, _ := api.ClientStatus(a, status); client == api.AllocClientRunning {
		g.Running++
	}
	if d := a.DeploymentStatus; d != nil && d.Healthy != nil {
		if *d.Healthy {
			g.Healthy++
		} else {
			g.Unhealthy++
		}
	}
	return g
}

// listScalingPolicies is GET /v1/scaling/policies, of a job or of a type if so asked.
func listScalingPolicies(s store.Snapshot, c *call) (any, error) {
	namespace, job, kind := c.namespaces(), c.query.Get("job"), c.query.Get("type")
	items := where(store.List[*api.ScalingPolicy](s, store.Query{IDPrefix: c.query.Get("prefix")}), func(p *api.ScalingPolicy) bool {
		return (namespace == "" || p.Namespace == namespace) && (kind == "" || p.Type == kind) &&
			(job == "" || p.Target[api.ScalingTargetJob] == job)
	})
	return listing[*api.ScalingPolicy]{
		items:  items,
		key:    func(p *api.ScalingPolicy) string { return p.ID },
		sorted: true,
		view: func(p *api.ScalingPolicy) any {
			return &api.ScalingPolicyListStub{
				ID: p.ID, Enabled: api.Deref(p.Enabled), Type: p.Type, Target: p.Target,
				CreateIndex: p.CreateIndex, ModifyIndex: p.ModifyIndex,
			}
		},
	}.answer(c)
}

// readScalingPolicy is GET /v1/scaling/policy/ID.
func readScalingPolicy(s store.Snapshot, c *call) (any, error) {
	if p := get[*api.ScalingPolicy](s, (&api.ScalingPolicy{ID: c.path["policy"]}).Key()); p != nil {
		return p, nil
	}
	return nil, notFound("policy")
}
