package job

import (
	"iter"
	"slices"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/job/plan"
	"github.com/droverhq/drover/controllers/job/room"
	"github.com/droverhq/drover/store"
)

// maxTxnAllocations is how many allocations one transaction writes: enough that its
// overhead does not matter, few enough (some 100 KB, 2 ms to apply) that others are not
// kept waiting behind it.
const maxTxnAllocations = 250

// step is a transaction and the placements that it commits, numbered in the order of the
// plan.
type step struct {
	txn    store.Txn
	placed []int
	leads  bool // nothing of the pass may be committed before it
}

// composer cuts what a pass writes into transactions.
type composer struct {
	outcome
	evalID string // of the evaluation that the pass is recorded in
	yield  func(step) bool
	step   *step // that is being made, or nil
	full   int   // how many were made before it
	count  int   // allocations in the step
	bound  int   // of these, those to come that belong together
	begun  int   // placements of the groups before
}

// compose makes the transactions of a pass, none if it changes nothing, so that the first
// are on their way while the next are made. Each holds only while the job is as it was
// read, and its version, which is written again when the rollout must go no further. The
// first begins and ends rollouts, the last answers the evaluations: so a pass that breaks
// off is made again, and finds what it had done. No object is in two transactions, nor are
// an allocation and its successor.
func (o *outcome) compose(r *record) iter.Seq[step] {
	return func(yield func(step) bool) {
		c := &composer{outcome: *o, evalID: r.id, yield: yield}
		c.compose(r)
		if c.step != nil && c.yield != nil && len(c.step.txn.Writes) > 0 {
			c.yield(*c.step)
		}
	}
}

func (c *composer) compose(r *record) {
	v, p := c.view, c.plan
	if p.Fresh {
		c.notePlaced()
	}
	if p.Fresh || p.Revised {
		c.put(p.Rollout)
	}
	for _, d := range p.Cancelled {
		c.put(d)
	}
	if c.step != nil {
		c.step.leads = true
	}
	for _, g := range p.Groups {
		c.change(g)
	}
	if v.AtOnce() {
		c.whole(0, len(p.Groups))
	}
	for n := range p.Groups {
		if c.yield == nil {
			return
		}
		c.place(n)
	}
	if c.full > 0 {
		c.begin() // it has to wait for all others: so it is short
	}
	for _, e := range r.writes {
		c.put(e)
	}
	switch {
	case v.Job == nil && v.Status != nil:
		c.last().Writes = append(c.last().Writes, store.Delete(v.Status.Key()))
	case v.Job != nil:
		if status := c.summarize(r); status != nil {
			c.put(status)
		}
	}
}

// change writes the allocations of a group that get no successor: who stops, who stays
// after all, and who is raised.
func (c *composer) change(g *plan.Group) {
	v, deployment := c.view, c.plan.DeploymentOf(g.Name)
	for _, i := range g.Stop {
		c.room(1)
		c.put(unneeded(v, i))
	}
	for _, i := range g.Kept {
		c.room(1)
		c.put(kept(v, i))
	}
	for _, i := range g.InPlace {
		c.room(1)
		c.put(raised(v, i, c.evalID, deployment))
	}
}

// place writes the allocations of the nth group that come, with those whom they follow.
func (c *composer) place(n int) {
	v, g, at := c.view, c.plan.Groups[n], c.placed
	deployment := c.plan.DeploymentOf(g.Name)
	if g.Gang() {
		c.whole(n, n+1)
	}
	number := c.numbers(n)
	c.begun += at.Count(n)
	for run := range c.runs(n) {
		size := 0
		if c.yield == nil {
			return
		}
		for _, i := range run {
			size += c.writes(n, i)
		}
		c.bind(size)
		for _, i := range run {
			w, found := &g.Wants[i], &at.Groups[n][i]
			size := c.writes(n, i)
			if size == 0 {
				continue
			}
			c.room(size)
			c.evict(at.Evictions[found.AllocID], found.AllocID)
			if w.Prev != nil {
				c.put(followed(v, w, found.AllocID, c.evalID))
			}
			if found.AllocID != "" {
				c.put(newcomer(v, w, g, found, c.evalID, deployment))
				c.counted(found.Volumes())
				c.remember(w, g, found)
				c.step.placed = append(c.step.placed, number[i])
			}
		}
	}
}

// numbers returns the numbers of the placements of a group in the order of the plan, by
// want.
func (c *composer) numbers(group int) []int {
	numbers, next := make([]int, len(c.placed.Groups[group])), c.begun
	for i := range numbers {
		numbers[i] = next
		if c.placed.Groups[group][i].AllocID != "" {
			next++
		}
	}
	return numbers
}

// runs returns the wants of a group in the order in which they are written, those in one
// transaction that count on the end of the same allocations: what comes to a node on which
// somebody has to end.
func (o *outcome) runs(group int) iter.Seq[[]int] {
	return func(yield func([]int) bool) {
		var nodes []string
		onNode := make(map[string][]int)
		one := make([]int, 1)
		for i := range o.placed.Groups[group] {
			at := &o.placed.Groups[group][i]
			if len(o.placed.Evictions) == 0 || len(at.Preempted) == 0 {
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

// writes is how many allocations are written for a want of a group.
func (o *outcome) writes(group, i int) int {
	w, found := &o.plan.Groups[group].Wants[i], &o.placed.Groups[group][i]
	n := 1 + len(o.placed.Evictions[found.AllocID])
	switch {
	case found.AllocID == "" && !w.Leaves():
		return 0
	case w.Prev == nil:
		return n
	}
	return n + 1
}

// whole keeps what some groups place in one transaction, and begins a new one if the
// last has no room for all of it.
func (c *composer) whole(from, to int) {
	size := 0
	for n := from; n < to; n++ {
		for i := range c.plan.Groups[n].Wants {
			size += c.writes(n, i)
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
	job := store.Absent(api.JobKey(c.view.Req.Namespace, c.view.Req.ID))
	if c.view.Job != nil {
		job = store.Unchanged(c.view.Job)
	}
	conditions := []store.Condition{job}
	if c.view.Basis != nil {
		conditions = append(conditions, store.Unchanged(c.view.Basis))
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
// the answers to evaluations have no other writer. Allocations, of which there may be
// thousands, are made for this, and nobody needs them any more: the store may keep them.
func (c *composer) put(o api.Object) {
	txn, write := c.last(), store.Put(o)
	switch o := o.(type) {
	case *api.Allocation, *api.Deployment, *api.HostVolumeClaim:
		if create, _ := o.Indexes(); create != 0 {
			txn.Conditions = append(txn.Conditions, store.Unchanged(o))
		}
		_, write.Given = o.(*api.Allocation)
	}
	txn.Writes = append(txn.Writes, write)
}

// evict writes that allocations end so that another one has room, for as long as their jobs
// are no more important.
func (c *composer) evict(all []room.Eviction, by string) {
	for _, one := range all {
		a := *one.Allocation
		a.DesiredStatus = api.AllocDesiredEvict
		a.DesiredDescription = "Preempted by alloc ID " + by
		a.PreemptedByAllocation = by
		a.ModifyTime = c.view.Now.UnixNano()
		c.put(&a)
		txn := c.last()
		if unchanged := store.Unchanged(one.Job); !slices.Contains(txn.Conditions, unchanged) {
			txn.Conditions = append(txn.Conditions, unchanged)
		}
	}
}

// notePlaced sets what a deployment that this pass begins says of the instances that
// it begins with.
func (o *outcome) notePlaced() {
	for n, g := range o.plan.Groups {
		state := o.plan.Rollout.TaskGroups[g.Name]
		if state == nil {
			continue
		}
		state.PlacedAllocs = len(g.InPlace)
		for i := range g.Wants {
			id := o.placed.Groups[n][i].AllocID
			if id == "" || g.Wants[i].Older != nil {
				continue
			}
			state.PlacedAllocs++
			if g.Wants[i].Canary {
				state.PlacedCanaries = append(state.PlacedCanaries, id)
			}
		}
		if state.PlacedAllocs > 0 && state.ProgressDeadline > 0 {
			by := o.view.Now.Add(state.ProgressDeadline)
			state.RequireProgressBy = &by
		}
	}
}
