package httpapi

import (
	"fmt"
	"strings"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
)

// controllerRoutes are those that say what controllers do.
func controllerRoutes() []route {
	return []route{
		{pattern: "operator/controllers", get: listControllers},
		{pattern: "operator/controller/{controller}", get: readController},
	}
}

var errNoManager = notSupported("controllers: this agent runs none")

// listControllers is GET /v1/operator/controllers: how this server's controllers do.
func listControllers(c *call) error {
	out, err := c.api.controllerList()
	if err != nil {
		return err
	}
	return c.answer(out)
}

// readController is GET /v1/operator/controller/NAME; with ?key= it also says why the
// controller works on a key, or does not.
func readController(c *call) error {
	out, err := c.api.controllerList()
	if err != nil {
		return err
	}
	name := c.path["controller"]
	for _, r := range out.Controllers {
		if r.Name != name {
			continue
		}
		out.Controllers = []*api.ControllerReport{r}
		if key := c.query.Get("key"); key != "" {
			r.Key = c.api.controllerKey(r, key)
		}
		return c.answer(out)
	}
	return notFound(fmt.Sprintf("controller %q", name))
}

func (a *API) controllerList() (*api.ControllerList, error) {
	if a.controllers == nil {
		return nil, errNoManager
	}
	leader := a.store.Leader()
	out := &api.ControllerList{ServerID: a.agent.ServerID, Leading: leader.IsSelf, Leader: leader.ServerID}
	declared := a.controllers.Graph()
	for i, s := range a.controllers.Status() {
		out.Controllers = append(out.Controllers, controllerReport(declared[i], s))
	}
	return out, nil
}

func controllerReport(declared reconcile.ControllerInfo, s reconcile.ControllerStatus) *api.ControllerReport {
	r := &api.ControllerReport{
		Name: s.Name, For: s.For, Queued: s.Queued, Working: s.Working, Delayed: s.Delayed,
		Passes: s.Reconciles, Retries: s.Retries, Conflicts: s.Conflicts, Errors: s.Errors, Panics: s.Panics,
		MeanLatency: s.Waited, MeanWork: s.Worked,
	}
	for _, in := range declared.Inputs {
		r.Inputs = append(r.Inputs, api.ControllerInput{Kind: in.Kind, Relation: string(in.Relation)})
	}
	for _, o := range declared.Outputs {
		r.Outputs = append(r.Outputs, api.ControllerOutput{Kind: o.Kind, Ownership: string(o.Ownership)})
	}
	if e := s.LastError; e != nil {
		r.LastError = &api.ControllerError{Key: e.Request.String(), Time: e.Time, Message: e.Err.Error()}
	}
	return r
}

// controllerKey says what a controller does with a key that a person wrote: an ID,
// namespace/ID, or, in the default namespace, the ID alone. Nil if this server does not
// lead.
func (a *API) controllerKey(r *api.ControllerReport, written string) *api.ControllerKey {
	var best *api.ControllerKey
	s := a.store.Snapshot()
	for _, req := range requestsOf(written) {
		status, running := a.controllers.Key(r.Name, req)
		if !running {
			return nil
		}
		_, exists := s.Get(api.Key{Kind: r.For, Namespace: req.Namespace, ID: req.ID})
		if best != nil && status.State == reconcile.KeyIdle && !exists {
			continue
		}
		best = &api.ControllerKey{
			Key: req.String(), State: string(status.State), Since: status.Since, Until: status.Until, Again: status.Again,
			Priority: status.Priority, Failures: status.Failures, Exists: exists,
		}
		if status.Err != nil {
			best.Error = status.Err.Error()
		}
		if exists || status.State != reconcile.KeyIdle {
			break
		}
	}
	return best
}

// requestsOf are the requests that a key may mean, the likeliest first.
func requestsOf(written string) []reconcile.Request {
	var out []reconcile.Request
	if namespace, id, ok := strings.Cut(written, "/"); ok {
		out = append(out, reconcile.Request{Namespace: namespace, ID: id})
	}
	return append(out, reconcile.Request{Namespace: api.DefaultNamespace, ID: written}, reconcile.Request{ID: written})
}
