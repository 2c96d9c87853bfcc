package httpapi

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/scheduler"
	"github.com/droverhq/drover/store"
)

// setEligibility is PUT /v1/node/ID/eligibility.
func setEligibility(c *call) error {
	var in api.NodeEligibilityRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	if in.Eligibility != api.NodeEligible && in.Eligibility != api.NodeIneligible {
		return malformed("eligibility %q is neither %q nor %q", in.Eligibility, api.NodeEligible, api.NodeIneligible)
	}
	out, err := c.changeIntent(func(had *api.NodeIntent) (*api.NodeIntent, error) {
		switch {
		case had.Draining() && in.Eligibility == api.NodeEligible:
			return nil, malformed("node %s is draining: it can't be made eligible until that ends; to cancel the drain: drover node drain -disable %[1]s", had.NodeID)
		case cmp.Or(had.Eligibility, api.NodeEligible) == in.Eligibility:
			return had, nil
		}
		return had.WithEligibility(in.Eligibility, c.api.now()), nil
	})
	if err != nil {
		return err
	}
	c.indexHeader(out.Index)
	return c.answer(out)
}

// drainNode is PUT /v1/node/ID/drain: it begins a drain, changes the one that goes on,
// or cancels it.
func drainNode(c *call) error {
	var in api.NodeDrainRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	if in.DrainSpec != nil && in.MarkEligible {
		return malformed("MarkEligible goes with a drain that is cancelled: a node that is drained takes no allocations")
	}
	out, err := c.changeIntent(func(had *api.NodeIntent) (*api.NodeIntent, error) {
		now := c.api.now()
		next := had
		switch {
		case in.DrainSpec != nil:
			return had.WithDrain(*in.DrainSpec, api.NoAccessor, in.Meta, now), nil
		case had.Draining():
			next = had.WithoutDrain(api.NoAccessor, in.Meta, now)
		}
		if in.MarkEligible && next.Eligibility == api.NodeIneligible {
			next = next.WithEligibility(api.NodeEligible, now)
		}
		return next, nil
	})
	if err != nil {
		return err
	}
	out.NodeModifyIndex = out.Index
	c.indexHeader(out.Index)
	return c.answer(out)
}

// changeIntent changes what operators want of the node in a call's path. If the node
// takes allocations because of it, the jobs that it may matter to are asked to look.
func (c *call) changeIntent(change func(had *api.NodeIntent) (*api.NodeIntent, error)) (*api.NodeUpdateResponse, error) {
	var out api.NodeUpdateResponse
	index, err := c.api.change(c.http.Context(), func(s store.Snapshot) (store.Txn, error) {
		out = api.NodeUpdateResponse{}
		n, err := c.node(s)
		if err != nil {
			return store.Txn{}, err
		}
		had := &api.NodeIntent{NodeID: n.ID}
		txn := store.Txn{Conditions: []store.Condition{store.Unchanged(n)}}
		if stored := get[*api.NodeIntent](s, had.Key()); stored != nil {
			had = stored
			txn.Conditions = append(txn.Conditions, store.Unchanged(had))
		} else {
			txn.Conditions = append(txn.Conditions, store.Absent(had.Key()))
		}
		next, err := change(had)
		if err != nil || next == had {
			return txn, err
		}
		txn.Writes = append(txn.Writes, store.Put(next))
		if next.Eligibility == api.NodeEligible && had.Eligibility == api.NodeIneligible {
			out.EvalIDs = c.evaluateNode(s, n, &txn)
		}
		return txn, nil
	})
	if err != nil {
		return nil, err
	}
	out.Index = index
	if len(out.EvalIDs) > 0 {
		out.EvalCreateIndex = index
	}
	return &out, nil
}

// evaluateNode adds to a transaction the evaluations of the jobs that a node matters
// to: those that have something on it, and system jobs that may come to it. It returns
// their IDs.
func (c *call) evaluateNode(s store.Snapshot, n *api.Node, txn *store.Txn) []string {
	jobs := make(map[api.Key]*api.Job)
	for a := range store.List[*api.Allocation](s, store.Query{Index: store.ByNode, Value: n.ID}) {
		key := api.JobKey(a.Namespace, a.JobID)
		if get[*api.AllocationStatus](s, api.Key{Kind: api.KindAllocationStatus, ID: a.ID}).Terminal() {
			continue
		}
		if _, known := jobs[key]; !known {
			jobs[key] = get[*api.Job](s, key)
		}
	}
	for j := range store.List[*api.Job](s, store.Query{}) {
		if j.IsSystem() && !j.Stopped() && scheduler.Reaches(j, n) {
			jobs[j.Key()] = j
		}
	}
	var ids []string
	// In one order, so that the same request does the same.
	for _, key := range slices.SortedFunc(maps.Keys(jobs), func(a, b api.Key) int { return strings.Compare(a.String(), b.String()) }) {
		j := jobs[key]
		if j == nil {
			continue
		}
		e := newEvaluation(api.TriggerNodeUpdate, c.api.now())
		e.Namespace, e.JobID, e.Type = api.Deref(j.Namespace), api.Deref(j.ID), api.Deref(j.Type)
		e.Priority, e.JobModifyIndex = api.Deref(j.Priority), api.Deref(j.JobModifyIndex)
		e.NodeID, e.NodeModifyIndex = n.ID, n.ModifyIndex
		txn.Writes = append(txn.Writes, store.Put(e))
		ids = append(ids, e.ID)
	}
	slices.Sort(ids)
	return ids
}

// evaluateOneNode is PUT /v1/node/ID/evaluate.
func evaluateOneNode(c *call) error {
	return c.answerNode(func(s store.Snapshot, n *api.Node) (store.Txn, []string) {
		var txn store.Txn
		ids := c.evaluateNode(s, n, &txn)
		return txn, ids
	})
}

// purgeNode is PUT /v1/node/ID/purge: it removes a node with all that is known of it.
// The allocation controller finds its allocations lost; a server that holds its session
// ends that, upon which an agent that is alive registers it anew.
func purgeNode(c *call) error {
	return c.answerNode(func(s store.Snapshot, n *api.Node) (store.Txn, []string) {
		txn := store.Txn{
			Conditions: []store.Condition{store.Unchanged(n)},
			Writes:     []store.Write{store.Delete(n.Key())},
		}
		for _, key := range []api.Key{
			{Kind: api.KindNodeIntent, ID: n.ID}, {Kind: api.KindNodeStatus, ID: n.ID}, {Kind: api.KindNodeSession, ID: n.ID},
		} {
			if _, ok := s.Get(key); ok {
				txn.Writes = append(txn.Writes, store.Delete(key))
			}
		}
		ids := c.evaluateNode(s, n, &txn)
		return txn, ids
	})
}

// answerNode does something about the node in a call's path and answers with the
// evaluations that were made for it.
func (c *call) answerNode(plan func(store.Snapshot, *api.Node) (store.Txn, []string)) error {
	out := api.NodeEvaluateResponse{LeaderRPCAddr: c.api.leaderAddress()}
	index, err := c.api.change(c.http.Context(), func(s store.Snapshot) (store.Txn, error) {
		n, err := c.node(s)
		if err != nil {
			return store.Txn{}, err
		}
		var txn store.Txn
		txn, out.EvalIDs = plan(s, n)
		out.SchedulingEligibility = newView(s).node(n).SchedulingEligibility
		out.NumNodes = int32(store.Count[*api.Node](s, store.Query{}))
		return txn, nil
	})
	if err != nil {
		return err
	}
	out.Index = index
	if len(out.EvalIDs) > 0 {
		out.EvalCreateIndex = index
	}
	out.Servers = []*api.NodeServer{{Datacenter: c.api.agent.Datacenter, RPCAdvertiseAddr: c.api.agent.SessionAddress}}
	c.indexHeader(index)
	return c.answer(out)
}
