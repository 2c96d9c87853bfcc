package httpapi

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// commandRoutes are those by which commands are run in tasks.
func commandRoutes() []route {
	return []route{
		{pattern: "client/allocation/{alloc}/exec", get: execInTask},
		{pattern: "job/{job...}/actions", get: query(ofJob(itself), listActions)},
		{pattern: "job/{job...}/action", get: runAction},
	}
}

// execInTask is GET /v1/client/allocation/ID/exec, a websocket.
func execInTask(c *call) error {
	if err := c.sameOrigin(); err != nil {
		return err
	}
	return proxyAllocation(c)
}

// sameOrigin refuses a websocket that a page of another site opens in the browser of
// somebody who can reach this server. The browser says where the page is from; programs
// say nothing.
func (c *call) sameOrigin() error {
	origin := c.http.Header.Get("Origin")
	if origin == "" {
		return nil
	}
	if u, err := url.Parse(origin); err == nil && strings.EqualFold(u.Host, c.http.Host) {
		return nil
	}
	return wordedf(api.ErrDenied, "pages from %s may not run commands through this server (%s)", origin, c.http.Host)
}

// listActions is GET /v1/job/ID/actions.
func listActions(s store.Snapshot, c *call) (any, error) {
	j := get[*api.Job](s, api.JobKey(c.jobOf()))
	if j == nil {
		return nil, errNoJob()
	}
	return actionsOf(j), nil
}

// actionsOf lists the actions of a job.
func actionsOf(j *api.Job) []*api.JobAction {
	actions := []*api.JobAction{}
	for _, g := range j.TaskGroups {
		for _, t := range g.Tasks {
			for _, a := range t.Actions {
				actions = append(actions, &api.JobAction{
					Name: a.Name, Command: a.Command, Args: a.Args,
					TaskName: t.Name, TaskGroupName: api.Deref(g.Name),
				})
			}
		}
	}
	return actions
}

// runAction is GET /v1/job/ID/action, a websocket: it runs an action's command in a
// running allocation of the job, the one in ?allocID= or any.
func runAction(c *call) error {
	if err := c.sameOrigin(); err != nil {
		return err
	}
	tty, err := c.flag("tty")
	if err != nil {
		return err
	}
	if c.query.Get("action") == "" {
		return malformed("action is missing: the name of one of the job's actions")
	}
	s := c.api.store.Snapshot()
	namespace, id := c.jobOf()
	j := get[*api.Job](s, api.JobKey(namespace, id))
	if j == nil {
		return errNoJob()
	}
	wanted := actionQuery{
		name: c.query.Get("action"), group: c.query.Get("group"), task: c.query.Get("task"), alloc: c.query.Get("allocID"),
	}
	alloc, action, err := wanted.find(newView(s), j)
	if err != nil {
		return err
	}
	command, err := json.Marshal(slices.Concat([]string{action.Command}, action.Args))
	if err != nil {
		return err
	}
	c.http = askedAs(c.http, "/v1/client/allocation/"+alloc.ID+"/exec", url.Values{
		"task": {action.TaskName}, "tty": {strconv.FormatBool(tty)}, "command": {string(command)},
	})
	return c.api.nodes.pass(c, alloc.NodeID)
}

// askedAs returns a request as if it had been made for another path.
func askedAs(r *http.Request, path string, query url.Values) *http.Request {
	other := r.Clone(r.Context())
	other.URL.Path, other.URL.RawPath, other.URL.RawQuery = path, "", query.Encode()
	return other
}

// actionQuery says which action is to be run where. All but the name may be empty.
type actionQuery struct {
	name, group, task, alloc string
}

// candidate is an action that may be meant: what it is in the version of the job that an
// allocation runs.
type candidate struct {
	instance
	action *api.JobAction
}

// find returns the action that is meant, and a running allocation to run it in. What an
// action does is said by the version that the allocation runs, which may be older than
// the job is by now, or newer than what it was reverted to.
func (q actionQuery) find(v *view, j *api.Job) (*api.Allocation, *api.JobAction, error) {
	instances, err := q.instances(v, j)
	if err != nil {
		return nil, nil, err
	}
	if q.alloc != "" && q.group != "" && q.group != instances[0].alloc.TaskGroup {
		return nil, nil, malformed("allocation %s is of the group %s, not %s", q.alloc, instances[0].alloc.TaskGroup, q.group)
	}
	candidates := q.candidates(v, instances)
	if len(candidates) == 0 {
		return nil, nil, q.nothing(j, instances)
	}
	meant := candidates[0].action
	if err := q.oneTask(j, candidates); err != nil {
		return nil, nil, err
	}
	candidates = slices.DeleteFunc(candidates, func(c candidate) bool { return !c.runs(meant.TaskName) })
	if len(candidates) == 0 {
		return nil, nil, q.atRest(j, meant)
	}
	chosen := candidates[rand.IntN(len(candidates))]
	return chosen.alloc, chosen.action, nil
}

// candidates returns what may be meant of the actions of some allocations.
func (q actionQuery) candidates(v *view, instances []instance) []candidate {
	var found []candidate
	byVersion := map[uint64][]*api.JobAction{}
	for _, i := range instances {
		actions, known := byVersion[i.alloc.JobVersion]
		if !known {
			actions = q.among(v.version(i.alloc.Namespace, i.alloc.JobID, i.alloc.JobVersion))
			byVersion[i.alloc.JobVersion] = actions
		}
		for _, a := range actions {
			if a.TaskGroupName == i.alloc.TaskGroup {
				found = append(found, candidate{i, a})
			}
		}
	}
	return found
}

// among returns the actions of a version of a job that may be meant. The job may be nil.
func (q actionQuery) among(j *api.Job) []*api.JobAction {
	if j == nil {
		return nil
	}
	return slices.DeleteFunc(actionsOf(j), func(a *api.JobAction) bool {
		return a.Name != q.name || q.group != "" && a.TaskGroupName != q.group || q.task != "" && a.TaskName != q.task
	})
}

// oneTask errs if tasks of several names have the action.
func (q actionQuery) oneTask(j *api.Job, candidates []candidate) error {
	var places []string
	for _, c := range candidates {
		places = append(places, c.action.TaskGroupName+"/"+c.action.TaskName)
	}
	slices.Sort(places)
	if places = slices.Compact(places); len(places) == 1 {
		return nil
	}
	return malformed("several tasks of job %s have an action %s (%s): say which, with group and task",
		api.Deref(j.ID), q.name, strings.Join(places, ", "))
}

// nothing says why no allocation has the action.
func (q actionQuery) nothing(j *api.Job, instances []instance) error {
	switch current := q.among(j); {
	case q.alloc != "":
		return wordedf(api.ErrNotFound, "version %d of job %s, which allocation %s runs, has no action %s%s",
			instances[0].alloc.JobVersion, api.Deref(j.ID), q.alloc, q.name, q.place())
	case len(current) > 0 && len(instances) > 0:
		return wordedf(api.ErrConflict, "no allocation of job %s has the action %s%s yet: it is new in version %d",
			api.Deref(j.ID), q.name, q.place(), api.Deref(j.Version))
	case len(current) > 0:
		return q.atRest(j, current[0])
	}
	return wordedf(api.ErrNotFound, "job %s has no action %s%s", api.Deref(j.ID), q.name, q.place())
}

// atRest says that the task whose action is meant does not run.
func (q actionQuery) atRest(j *api.Job, meant *api.JobAction) error {
	if q.alloc != "" {
		return wordedf(api.ErrConflict, "task %s of allocation %s is not running", meant.TaskName, q.alloc)
	}
	return wordedf(api.ErrConflict, "task %s of job %s runs nowhere: the action %s can't be run", meant.TaskName, api.Deref(j.ID), q.name)
}

// instance is an allocation with its status, which may be nil.
type instance struct {
	alloc  *api.Allocation
	status *api.AllocationStatus
}

// runs reports whether a task of the allocation runs, as far as is known.
func (i instance) runs(task string) bool {
	if i.status == nil {
		return false
	}
	state := i.status.TaskStates[task]
	return state != nil && state.State == api.TaskStateRunning
}

// instances returns the allocations in which an action may be run: all that are to run, or
// the one that is named.
func (q actionQuery) instances(v *view, j *api.Job) ([]instance, error) {
	var found []instance
	ofJob := store.Query{Index: store.ByJob, Value: store.JobValue(api.Deref(j.Namespace), api.Deref(j.ID))}
	for a, status := range store.Joined(v.s, ofJob) {
		if q.alloc == a.ID || q.alloc == "" && a.WantsRun() {
			found = append(found, instance{a, status})
		}
	}
	if q.alloc != "" && len(found) == 0 {
		return nil, wordedf(api.ErrNotFound, "job %s has no allocation %s (give the whole ID)", api.Deref(j.ID), q.alloc)
	}
	return found, nil
}

func (q actionQuery) place() string {
	text := ""
	if q.task != "" {
		text += " in a task " + q.task
	}
	if q.group != "" {
		text += " in a group " + q.group
	}
	return text
}
