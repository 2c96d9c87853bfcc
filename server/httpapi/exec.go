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

// find returns the action that is meant, and a running allocation to run it in.
func (q actionQuery) find(v *view, j *api.Job) (*api.Allocation, *api.JobAction, error) {
	running, err := q.running(v, j)
	if err != nil {
		return nil, nil, err
	}
	group := q.group
	if q.alloc != "" {
		group = running[0].alloc.TaskGroup
		if q.group != "" && q.group != group {
			return nil, nil, malformed("allocation %s is of the group %s, not %s", q.alloc, group, q.group)
		}
	}
	action, err := q.action(j, group)
	if err != nil {
		return nil, nil, err
	}
	running = slices.DeleteFunc(running, func(r instance) bool {
		return r.alloc.TaskGroup != action.TaskGroupName || !r.runs(action.TaskName)
	})
	switch {
	case len(running) > 0:
		return running[rand.IntN(len(running))].alloc, action, nil
	case q.alloc != "":
		return nil, nil, wordedf(api.ErrConflict, "task %s of allocation %s is not running", action.TaskName, q.alloc)
	}
	return nil, nil, wordedf(api.ErrConflict, "task %s of job %s runs nowhere: the action %s can't be run", action.TaskName, api.Deref(j.ID), action.Name)
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

// running returns the allocations in which an action may be run: all that are to run, or
// the one that is named.
func (q actionQuery) running(v *view, j *api.Job) ([]instance, error) {
	var found []instance
	ofJob := store.Query{Index: store.ByJob, Value: store.JobValue(api.Deref(j.Namespace), api.Deref(j.ID))}
	for a, status := range v.withStatus(ofJob) {
		if q.alloc == a.ID || q.alloc == "" && a.WantsRun() {
			found = append(found, instance{a, status})
		}
	}
	if q.alloc != "" && len(found) == 0 {
		return nil, wordedf(api.ErrNotFound, "job %s has no allocation %s (give the whole ID)", api.Deref(j.ID), q.alloc)
	}
	return found, nil
}

// action returns the only action of a job that is meant.
func (q actionQuery) action(j *api.Job, group string) (*api.JobAction, error) {
	found := slices.DeleteFunc(actionsOf(j), func(a *api.JobAction) bool {
		return a.Name != q.name || group != "" && a.TaskGroupName != group || q.task != "" && a.TaskName != q.task
	})
	switch len(found) {
	case 0:
		return nil, wordedf(api.ErrNotFound, "job %s has no action %s%s", api.Deref(j.ID), q.name, q.place())
	case 1:
		return found[0], nil
	}
	var places []string
	for _, a := range found {
		places = append(places, a.TaskGroupName+"/"+a.TaskName)
	}
	return nil, malformed("several tasks of job %s have an action %s (%s): say which, with group and task",
		api.Deref(j.ID), q.name, strings.Join(places, ", "))
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
