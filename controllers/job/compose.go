package job

import (
	"iter"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/scheduler"
	"github.com/droverhq/drover/store"
)

// maxTxnAllocations is how many allocations one transaction writes: enough that its
// overhead does not matter, few enough (a megabyte or so) that others are not kept
// waiting behind it.
const maxTxnAllocations = 1000

// step is a transaction and the placements that it commits, numbered in the order of the
// plan.
type step struct {
	txn    store.Txn
	placed []int
	leads  bool // nothing of the pass may be committed before it
}

// composer cuts what a pass writes into transactions.
type composer struct {
	view  *view
	yield func(step) bool
	step  *step // that is being made, or nil
	full  int   // how many were made before it
	count int   // allocations in the step
	bound int   // of these, those to come that belong together
	begun int   // placements of the groups before
}

// compose makes the transactions of a pass, none if it changes nothing, so that the first
// are on their way while the next are made. Each holds only while the job is as it was
// read, and its version, which is written again when the rollout must go no further. The
// first begins and ends rollouts, the last answers the evaluations: so a pass that breaks
// off is made again, and finds what it had done. No object is in two transactions, nor are
// an allocation and its successor.
func (v *view) compose(p *plan, at *placed, r *record) iter.Seq[step] {
	return func(yield func(step) bool) {
		c := &composer{view: v, yield: yield}
		c.compose(p, at, r)
		if c.step != nil && c.yield != nil && len(c.step.txn.Writes) > 0 {
			c.yield(*c.step)
		}
	}
}

func (c *composer) compose(p *plan, at *placed, r *record) {
	v := c.view
	if p.fresh {
		p.notePlaced(at, v.now)
	}
	if p.fresh || p.revised {
		c.put(p.rollout)
	}
	for _, d := range p.cancelled {
		c.put(d)
	}
	if c.step != nil {
		c.step.leads = true
	}
	for _, g := range p.groups {
		c.change(p, g, r.id)
	}
	if atOnce(v.job) {
		c.whole(p, at, 0, len(p.groups))
	}
	for n, g := range p.groups {
		if c.yield == nil {
			return
		}
		c.place(p, g, at, n, r.id)
	}
	if c.full > 0 {
		c.begin() // it has to wait for all others: so it is short
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
}

// change writes the allocations of a group that get no successor: who stops, who stays
// after all, and who is raised.
func (c *composer) change(p *plan, g *groupPlan, evalID string) {
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
}

// place writes the allocations of a group that come, with those whom they follow.
func (c *composer) place(p *plan, g *groupPlan, at *placed, n int, evalID string) {
	v, deployment := c.view, p.deploymentOf(g.name)
	if g.gang() {
		c.whole(p, at, n, n+1)
	}
	number := at.numbers(n, c.begun)
	c.begun += at.count(n)
	for run := range at.runs(n) {
		size := 0
		for _, i := range run {
			size += at.writes(&g.wants[i], &at.groups[n][i])
		}
		c.bind(size)
		for _, i := range run {
			w, found := &g.wants[i], &at.groups[n][i]
			size := at.writes(w, found)
			if size == 0 {
				continue
			}
			c.room(size)
			c.evict(at.evicted[found.AllocID], found.AllocID)
			if w.prev != nil {
				c.put(v.followed(w, found.AllocID, evalID))
			}
			if found.AllocID != "" {
				c.give(v.newcomer(w, g, found, evalID, deployment))
				c.step.placed = append(c.step.placed, number[i])
			}
		}
	}
}

// numbers returns the numbers of the placements of a group in the order of the plan, by
// want; from are those before.
func (o *placed) numbers(group, from int) []int {
	numbers := make([]int, len(o.groups[group]))
	for i := range numbers {
		numbers[i] = from
		if o.groups[group][i].AllocID != "" {
			from++
		}
	}
	return numbers
}

// runs returns the wants of a group in the order in which they are written, those in one
// transaction that count on the end of the same allocations: what comes to a node on which
// somebody has to end.
func (o *placed) runs(group int) iter.Seq[[]int] {
	return func(yield func([]int) bool) {
		var nodes []string
		onNode := make(map[string][]int)
		one := make([]int, 1)
		for i := range o.groups[group] {
			at := &o.groups[group][i]
			if len(o.evicted) == 0 || len(at.Preempted) == 0 {
				if one[0] = i; !yield(one) {
					return
				}
				continue
			}
			if onNode[at.NodeID] == nil {
				nodes = append(nodes, at.NodeID)
			}
			onNode[at.NodeID] = append(onNode[at.NodeID], i)
		}
		for _, node := range nodes {
			if !yield(onNode[node]) {
				return
			}
		}
	}
}

// writes is how many allocations are written for a want.
func (o *placed) writes(w *want, found *scheduler.Placement) int {
	n := 1 + len(o.evicted[found.AllocID])
	switch {
	case found.AllocID == "" && !w.leaves():
		return 0
	case w.prev == nil:
		return n
	}
	return n + 1
}

// whole keeps what some groups place in one transaction, and begins a new one if the
// last has no room for all of it.
func (c *composer) whole(p *plan, at *placed, from, to int) {
	size := 0
	for n := from; n < to; n++ {
		for i := range p.groups[n].wants {
			size += at.writes(&p.groups[n].wants[i], &at.groups[n][i])
		}
	}
	c.bind(size)
}

// bind keeps the next allocations, that many, in one transaction.
func (c *composer) bind(size int) {
	if size == 0 || c.bound > 0 { // they are part of a greater whole
		return
	}
	if c.last(); c.count > 0 && c.count+size > maxTxnAllocations {
		c.begin()
	}
	c.count += size
	c.bound = size
}

// room begins a new transaction if the last has no room for n more allocations.
func (c *composer) room(n int) {
	if c.bound >= n {
		c.bound -= n
		return
	}
	if c.count+n > maxTxnAllocations {
		c.begin()
	}
	c.count += n
}

// begin begins a transaction, and hands over the one before.
func (c *composer) begin() {
	if c.step != nil {
		c.full++
		if c.yield != nil && !c.yield(*c.step) {
			c.yield = nil // what follows is not wanted
		}
	}
	job := store.Absent(api.JobKey(c.view.req.Namespace, c.view.req.ID))
	if c.view.job != nil {
		job = store.Unchanged(c.view.job)
	}
	conditions := []store.Condition{job}
	if c.view.basis != nil {
		conditions = append(conditions, store.Unchanged(c.view.basis))
	}
	c.step, c.count = &step{txn: store.Txn{Conditions: conditions}}, 0
}

func (c *composer) last() *store.Txn {
	if c.step == nil {
		c.begin()
	}
	return &c.step.txn
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

// give puts an object that is new: there may be thousands, and nobody needs it any more.
func (c *composer) give(o api.Object) {
	txn := c.last()
	txn.Writes = append(txn.Writes, store.Give(o))
}
