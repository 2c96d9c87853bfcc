package job

import (
	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// maxTxnAllocations is how many allocations one transaction writes: enough that its
// overhead does not matter, few enough (a megabyte or so) that others are not kept
// waiting behind it.
const maxTxnAllocations = 1000

// step is a transaction and how many placements it commits. They are in the order of
// the plan, through all steps.
type step struct {
	txn    store.Txn
	placed int
}

// composer cuts what a pass writes into transactions.
type composer struct {
	view  *view
	steps []step
	count int // allocations in the last step
}

// compose makes the transactions of a pass, none if it changes nothing. Each holds
// only while the job is as it was read. The first begins and ends rollouts, the last
// answers the evaluations: so a pass that breaks off is made again, and finds what
// it had done. No object is in two transactions, nor are an allocation and its
// successor.
func (v *view) compose(p *plan, at *placed, r *record) []step {
	c := &composer{view: v}
	if p.fresh {
		p.notePlaced(at, v.now)
	}
	if p.fresh || p.revised {
		c.put(p.rollout)
	}
	for _, d := range p.cancelled {
		c.put(d)
	}
	for n, g := range p.groups {
		c.group(p, g, at, n, r.id)
	}
	for _, e := range r.writes {
		c.put(e)
	}
	switch {
	case v.job == nil && v.status != nil:
		c.last().Writes = append(c.last().Writes, store.Delete(v.status.Key()))
	case v.job != nil:
		if s := v.summarize(p, at, r); s != nil {
			c.put(s)
		}
	}
	return c.steps
}

// group writes the allocations of a group: who stops, who is raised, and who comes,
// with whom he follows.
func (c *composer) group(p *plan, g *groupPlan, at *placed, n int, evalID string) {
	v, deployment := c.view, p.deploymentOf(g.name)
	for _, i := range g.stop {
		c.room(1)
		c.put(v.unneeded(i))
	}
	for _, i := range g.kept {
		c.room(1)
		c.put(v.kept(i))
	}
	for _, i := range g.inPlace {
		c.room(1)
		c.put(v.raised(i, evalID, deployment))
	}
	for i := range g.wants {
		w, found := &g.wants[i], &at.groups[n][i]
		if found.AllocID == "" && !w.leaves() {
			continue
		}
		if w.prev == nil {
			c.room(1)
		} else {
			c.room(2)
			c.put(v.followed(w, found.AllocID, evalID))
		}
		if found.AllocID != "" {
			c.put(v.newcomer(w, g, found, evalID, deployment))
			c.steps[len(c.steps)-1].placed++
		}
	}
}

// room begins a new transaction if the last has no room for n more allocations.
func (c *composer) room(n int) {
	if c.count+n > maxTxnAllocations {
		c.begin()
	}
	c.count += n
}

func (c *composer) begin() {
	job := store.Absent(api.JobKey(c.view.req.Namespace, c.view.req.ID))
	if c.view.job != nil {
		job = store.Unchanged(c.view.job)
	}
	c.steps = append(c.steps, step{txn: store.Txn{Conditions: []store.Condition{job}}})
	c.count = 0
}

func (c *composer) last() *store.Txn {
	if len(c.steps) == 0 {
		c.begin()
	}
	return &c.steps[len(c.steps)-1].txn
}

// put writes an object, and only over what was read of it. The status of a job and
// the answers to evaluations have no other writer.
func (c *composer) put(o api.Object) {
	txn := c.last()
	txn.Writes = append(txn.Writes, store.Put(o))
	switch o := o.(type) {
	case *api.Allocation, *api.Deployment:
		if create, _ := o.Indexes(); create != 0 {
			txn.Conditions = append(txn.Conditions, store.Unchanged(o))
		}
	}
}
