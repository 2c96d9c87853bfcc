package httpapi

import (
	"strings"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// listJobs is GET /v1/jobs.
func listJobs(s store.Snapshot, c *call) (any, error) {
	withMeta, err := c.flag("meta")
	if err != nil {
		return nil, err
	}
	v := newSummaries(s, c)
	list := jobListing(v, c)
	list.view = func(j *api.Job) any { return api.JobStub(j, v.summary(j), withMeta) }
	return list.answer(c)
}

// listStatuses is GET /v1/jobs/statuses: what a dashboard shows.
func listStatuses(s store.Snapshot, c *call) (any, error) {
	children, err := c.flag("include_children")
	if err != nil {
		return nil, err
	}
	v := newView(s)
	list := jobListing(v, c)
	if !children {
		list.items = where(list.items, func(j *api.Job) bool { return api.Deref(j.ParentID) == "" })
	}
	list.view = func(j *api.Job) any { return v.jobStatuses(j) }
	return list.answer(c)
}

// jobListing is the jobs, joined, that a call asks for.
func jobListing(v *view, c *call) listing[*api.Job] {
	q := store.Query{Namespace: c.namespaces(), IDPrefix: c.query.Get("prefix"), After: jobToken(c.query.Get("next_token"))}
	if reverse, err := c.flag("reverse"); err != nil || reverse {
		q.After = nil
	}
	return listing[*api.Job]{
		items:  each(store.List[*api.Job](v.s, q), v.join),
		key:    func(j *api.Job) string { return api.Deref(j.Namespace) + afterNamespace + api.Deref(j.ID) },
		sorted: true,
	}
}

// afterNamespace stands between the parts of a job's token. It sorts before whatever
// a namespace may hold, so that tokens are in the order of the store.
const afterNamespace = "!"

// jobToken is the key that a next_token of a list of jobs stands for, or nil.
func jobToken(token string) *api.Key {
	namespace, id, ok := strings.Cut(token, afterNamespace)
	if !ok {
		return nil
	}
	key := api.JobKey(namespace, id)
	return &key
}

// jobStatuses returns what a dashboard shows of a job.
func (v *view) jobStatuses(j *api.Job) *api.JobStatusesStub {
	namespace, id := api.Deref(j.Namespace), api.Deref(j.ID)
	out := &api.JobStatusesStub{
		ID:          id,
		Namespace:   namespace,
		Name:        api.Deref(j.Name),
		Type:        api.Deref(j.Type),
		NodePool:    api.Deref(j.NodePool),
		Datacenters: j.Datacenters,
		Priority:    api.Deref(j.Priority),
		Version:     api.Deref(j.Version),
		SubmitTime:  api.Deref(j.SubmitTime),
		ModifyIndex: api.Deref(j.ModifyIndex),
		ParentID:    api.Deref(j.ParentID),
		Status:      api.Deref(j.Status),
		Stop:        api.Deref(j.Stop),
		IsPack:      j.Meta["pack.name"] != "",
		Allocs:      []*api.JobStatusesAlloc{},
	}
	for _, g := range j.TaskGroups {
		out.GroupCountSum += api.Deref(g.Count)
	}
	value := store.JobValue(namespace, id)
	for a := range store.List[*api.Allocation](v.s, store.Query{Index: store.ByJob, Value: value}) {
		out.Allocs = append(out.Allocs, v.statusesAlloc(a))
	}
	for child := range store.List[*api.Job](v.s, store.Query{Index: store.ByParent, Value: value}) {
		out.ChildStatuses = append(out.ChildStatuses, api.Deref(v.join(child).Status))
	}
	if d := latestDeployment(v.s, namespace, id); d != nil {
		out.LatestDeployment = statusesDeployment(d)
	}
	return out
}

func (v *view) statusesAlloc(a *api.Allocation) *api.JobStatusesAlloc {
	status := v.status(a)
	client, _ := api.ClientStatus(a, status)
	out := &api.JobStatusesAlloc{
		ID: a.ID, Group: a.TaskGroup, ClientStatus: client, NodeID: a.NodeID,
		JobVersion: a.JobVersion, FollowupEvalID: a.FollowupEvalID,
	}
	if health := a.DeploymentStatus; health != nil {
		out.DeploymentStatus = &api.JobStatusesHealth{Canary: health.Canary, Healthy: health.Healthy}
	}
	if status != nil {
		for _, task := range status.TaskStates {
			out.HasPausedTask = out.HasPausedTask || task.Paused != ""
		}
	}
	return out
}

func statusesDeployment(d *api.Deployment) *api.JobStatusesDeployment {
	out := &api.JobStatusesDeployment{
		ID: d.ID, IsActive: d.Active(), JobVersion: d.JobVersion,
		Status: d.Status, StatusDescription: d.StatusDescription,
		AllAutoPromote: len(d.TaskGroups) > 0,
	}
	for _, group := range d.TaskGroups {
		out.AllAutoPromote = out.AllAutoPromote && group.AutoPromote
		if d.Status == api.DeploymentRunning && group.DesiredCanaries > 0 && !group.Promoted {
			out.RequiresPromotion = true
		}
	}
	return out
}
