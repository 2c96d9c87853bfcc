package httpapi

import (
	"iter"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

func errNoAllocation() error { return notFound("alloc") }

// listAllocations is GET /v1/allocations.
func listAllocations(s store.Snapshot, c *call) (any, error) {
	q := store.Query{IDPrefix: c.query.Get("prefix"), After: c.after(api.KindAllocation)}
	items := inNamespace(store.List[*api.Allocation](s, q), c.namespaces(),
		func(a *api.Allocation) string { return a.Namespace })
	return answerStubs(s, items, c)
}

// answerStubs answers with allocations as they are listed, in the order of their IDs.
func answerStubs(s store.Snapshot, items iter.Seq[*api.Allocation], c *call) (any, error) {
	var o api.StubOptions
	var err error
	if o.Resources, err = c.flag("resources"); err != nil {
		return nil, err
	}
	if o.TaskStates, err = c.flagOr("task_states", true); err != nil {
		return nil, err
	}
	v := newView(s)
	return listing[*api.AllocationListStub]{
		items:  each(items, func(a *api.Allocation) *api.AllocationListStub { return v.stub(a, o) }),
		key:    func(a *api.AllocationListStub) string { return a.ID },
		sorted: true,
		view:   func(a *api.AllocationListStub) any { return a },
	}.answer(c)
}

// after is where a list of a kind that is ordered by ID begins, or nil.
func (c *call) after(k api.Kind) *api.Key {
	token := c.query.Get("next_token")
	if token == "" || c.query.Has("reverse") {
		return nil
	}
	return &api.Key{Kind: k, ID: token}
}

// readAllocation is GET /v1/allocation/ID.
func readAllocation(s store.Snapshot, c *call) (any, error) {
	a, err := c.allocation(s)
	if err != nil {
		return nil, err
	}
	return newView(s).allocation(a), nil
}

// allocation returns the allocation in a call's path.
func (c *call) allocation(s store.Snapshot) (*api.Allocation, error) {
	id, err := c.id("alloc", "allocation")
	if err != nil {
		return nil, err
	}
	a := get[*api.Allocation](s, api.Key{Kind: api.KindAllocation, ID: id})
	if a == nil {
		return nil, errNoAllocation()
	}
	return a, nil
}

// stopAllocation is PUT /v1/allocation/ID/stop: the job controller replaces it.
func stopAllocation(c *call) error {
	noDelay, err := c.flag("no_shutdown_delay")
	if err != nil {
		return err
	}
	var out api.AllocStopResponse
	index, err := c.api.change(c.http.Context(), func(s store.Snapshot) (store.Txn, error) {
		a, err := c.allocation(s)
		if err != nil {
			return store.Txn{}, err
		}
		txn, eval, err := planAllocationStop(s, a, noDelay, c.api.now())
		out.EvalID = eval.ID
		return txn, err
	})
	if err != nil {
		return err
	}
	out.Index = index
	c.indexHeader(index)
	return c.answer(out)
}

// planAllocationStop asks the job controller to stop an allocation and to place
// another one for it.
func planAllocationStop(s store.Snapshot, a *api.Allocation, noDelay bool, now time.Time) (store.Txn, *api.Evaluation, error) {
	eval := newEvaluation(api.TriggerAllocStop, now)
	eval.Namespace, eval.JobID, eval.Type = a.Namespace, a.JobID, a.JobType
	eval.Priority = api.DefaultJobPriority
	if j := get[*api.Job](s, api.JobKey(a.Namespace, a.JobID)); j != nil {
		eval.Priority = api.Deref(j.Priority)
	}
	stopped, err := api.Clone(a)
	if err != nil {
		return store.Txn{}, eval, err
	}
	stopped.DesiredTransition.Migrate, stopped.DesiredTransition.Reschedule = new(true), new(false)
	stopped.DesiredTransition.MigrateWhenPlaced = nil
	stopped.DesiredTransition.NoShutdownDelay = &noDelay
	stopped.ModifyTime = now.UnixNano()
	return store.Txn{
		Conditions: []store.Condition{store.Unchanged(a)},
		Writes:     []store.Write{store.Put(stopped), store.Put(eval)},
	}, eval, nil
}
