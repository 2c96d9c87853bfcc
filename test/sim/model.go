package sim

import (
	"maps"
	"slices"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// model is what there is in the store, as invariants look at it: kept up to date from
// transaction to transaction.
type model struct {
	world *World
	term  uint64
	jobs  map[string]*jobView
	nodes map[string]*nodeView
	alloc map[string]*allocView
	evals map[string]*api.Evaluation
	// volumes and claims are by ID.
	volumes map[string]*api.CSIVolume
	claims  map[string]*api.HostVolumeClaim
	// launched are the launches of periodic jobs that were made.
	launched map[string]bool
}

// jobView is a job, or what is left of one, with all that belongs to it.
type jobView struct {
	id          string
	job         *api.Job // nil: purged
	status      *api.JobStatus
	allocs      map[string]*allocView
	deployments map[string]*api.Deployment
	versions    map[uint64]*api.JobVersion
	reverts     int // versions that controllers made since a user did
	// done is what was done of indexed groups, and the index of the store since when that
	// could be known.
	done map[part]uint64
	// lingers is since when the job should be gone by itself; zero: it may stay.
	lingers time.Time
}

// nodeView is a node with all that is placed on it.
type nodeView struct {
	node   *api.Node
	status *api.NodeStatus
	intent *api.NodeIntent
	allocs map[string]*allocView
}

// allocView is an allocation with what its node says of it.
type allocView struct {
	*api.Allocation
	status *api.AllocationStatus
	job    *jobView
	node   *nodeView
}

func newModel(w *World) *model {
	return &model{
		world: w, jobs: make(map[string]*jobView), nodes: make(map[string]*nodeView),
		alloc: make(map[string]*allocView), evals: make(map[string]*api.Evaluation),
		launched: make(map[string]bool), volumes: make(map[string]*api.CSIVolume), claims: make(map[string]*api.HostVolumeClaim),
	}
}

// change is what a transaction did to one object.
type change struct {
	who      string
	key      api.Key
	old, new api.Object
}

// apply takes a transaction that was committed, and checks what must hold after each.
func (m *model) apply(who string, txn store.Txn, before, after store.Snapshot) error {
	changes := make([]change, 0, len(txn.Writes))
	for _, write := range txn.Writes {
		c := change{who: who, key: write.Key()}
		c.old, _ = before.Get(c.key)
		c.new, _ = after.Get(c.key)
		if c.old == nil && c.new == nil {
			continue
		}
		changes = append(changes, c)
	}
	for _, c := range changes {
		m.take(c)
	}
	if m.world.journal != nil {
		for _, c := range changes {
			m.tell(c)
		}
	}
	return m.check(func(i invariant) error {
		if i.txn == nil {
			return nil
		}
		return i.txn(m, changes)
	})
}

// take brings the model up to date.
func (m *model) take(c change) {
	switch o := orOld(c).(type) {
	case *api.Leadership:
		_, m.term = o.Indexes()
	case *api.Job:
		j := m.jobOf(*o.ID)
		if j.job, _ = c.new.(*api.Job); c.old == nil || c.new == nil {
			clear(j.done)
		}
	case *api.JobStatus:
		j := m.jobOf(o.JobID)
		j.status, _ = c.new.(*api.JobStatus)
	case *api.JobVersion:
		set(m.jobOf(*o.Job.ID).versions, *o.Job.Version, o, c.new != nil)
	case *api.Deployment:
		set(m.jobOf(o.JobID).deployments, o.ID, o, c.new != nil)
	case *api.Evaluation:
		set(m.evals, o.ID, o, c.new != nil)
	case *api.CSIVolume:
		set(m.volumes, o.ID, o, c.new != nil)
	case *api.HostVolumeClaim:
		set(m.claims, o.ID, o, c.new != nil)
	case *api.Node:
		n := m.nodeOf(o.ID)
		n.node, _ = c.new.(*api.Node)
	case *api.NodeStatus:
		n := m.nodeOf(o.NodeID)
		n.status, _ = c.new.(*api.NodeStatus)
	case *api.NodeIntent:
		n := m.nodeOf(o.NodeID)
		n.intent, _ = c.new.(*api.NodeIntent)
	case *api.Allocation:
		m.takeAllocation(o, c.new != nil)
		m.world.fleet.changed(o)
	case *api.AllocationStatus:
		if a := m.alloc[o.ID]; a != nil {
			a.status, _ = c.new.(*api.AllocationStatus)
			a.job.noteDone(a)
		}
	}
}

func (m *model) takeAllocation(o *api.Allocation, there bool) {
	a := m.alloc[o.ID]
	if a == nil {
		a = &allocView{job: m.jobOf(o.JobID), node: m.nodeOf(o.NodeID)}
	}
	a.Allocation = o
	set(m.alloc, o.ID, a, there)
	set(a.job.allocs, o.ID, a, there)
	set(a.node.allocs, o.ID, a, there)
	a.job.noteDone(a)
}

// set puts a value into a map, or takes it out.
func set[K comparable, V any](in map[K]V, key K, value V, there bool) {
	if there {
		in[key] = value
	} else {
		delete(in, key)
	}
}

func orOld(c change) api.Object {
	if c.new != nil {
		return c.new
	}
	return c.old
}

func (m *model) jobOf(id string) *jobView {
	j := m.jobs[id]
	if j == nil {
		j = &jobView{
			id: id, allocs: make(map[string]*allocView), deployments: make(map[string]*api.Deployment),
			versions: make(map[uint64]*api.JobVersion), done: make(map[part]uint64),
		}
		m.jobs[id] = j
	}
	return j
}

func (m *model) nodeOf(id string) *nodeView {
	n := m.nodes[id]
	if n == nil {
		n = &nodeView{allocs: make(map[string]*allocView)}
		m.nodes[id] = n
	}
	return n
}

// job returns the job of that ID, or nil.
func (m *model) job(id string) *api.Job {
	if j := m.jobs[id]; j != nil {
		return j.job
	}
	return nil
}

// running returns the allocations of a job that should run and do, in the order of
// their IDs.
func (m *model) running(job string) []*api.Allocation {
	j := m.jobs[job]
	if j == nil {
		return nil
	}
	var out []*api.Allocation
	for _, id := range slices.Sorted(maps.Keys(j.allocs)) {
		if a := j.allocs[id]; a.live() && a.status != nil && a.status.ClientStatus == api.AllocClientRunning {
			out = append(out, a.Allocation)
		}
	}
	return out
}

// live reports whether an allocation should run and, as far as is known, does or will.
func (a *allocView) live() bool {
	return a.WantsRun() && a.Lost == "" && !a.status.Terminal()
}

// news reports whether something was written of an allocation that the controllers had not
// heard of when the pass that goes on began.
func (m *model) news(a *allocView) bool {
	_, written := a.Indexes()
	if a.status != nil {
		_, said := a.status.Indexes()
		written = max(written, said)
	}
	return written > m.world.basis
}

// failedInPlace reports whether an allocation failed and holds its place all the same: it
// waits for its time to be tried again, or has no attempts left.
func (a *allocView) failedInPlace() bool {
	j := a.job.job
	return a.failed() && a.WantsRun() && a.NextAllocation == "" &&
		j != nil && a.CreateIndex >= *j.CreateIndex && (!j.IsBatch() || a.JobVersion == *j.Version)
}

// did reports whether an allocation has done what a batch instance is for: it ended well,
// and was neither cut short nor told to go on elsewhere.
func (a *allocView) did() bool {
	if a.status == nil || a.status.ClientStatus != api.AllocClientComplete {
		return false
	}
	return a.WantsRun() || !api.Deref(a.DesiredTransition.Migrate) && !a.status.Killed()
}

// ended reports whether nothing of it runs, as far as its node, or the loss of it, says.
func (a *allocView) ended() bool { return a.status.Terminal() || a.Lost == api.AllocClientLost }

// sortedJobs returns the jobs in the order of their IDs.
func (m *model) sortedJobs() []*jobView {
	out := make([]*jobView, 0, len(m.jobs))
	for _, id := range slices.Sorted(maps.Keys(m.jobs)) {
		out = append(out, m.jobs[id])
	}
	return out
}

// sortedAllocs returns the allocations of a job in the order of their IDs.
func (j *jobView) sortedAllocs() []*allocView {
	out := make([]*allocView, 0, len(j.allocs))
	for _, id := range slices.Sorted(maps.Keys(j.allocs)) {
		out = append(out, j.allocs[id])
	}
	return out
}

// checkIdle checks what must hold when nothing is left to do until something happens.
func (m *model) checkIdle() error {
	return m.check(func(i invariant) error {
		if i.idle == nil {
			return nil
		}
		return i.idle(m)
	})
}

// checkRest checks what must hold when nothing happens any more.
func (m *model) checkRest() error {
	return m.check(func(i invariant) error {
		if i.rest == nil {
			return nil
		}
		return i.rest(m)
	})
}

// tell notes a change for people.
func (m *model) tell(c change) {
	m.world.note("    %s", describe(c))
}
