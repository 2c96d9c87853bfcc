package sim

import (
	"hash/fnv"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/alloc"
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/store"
)

// agent is a simulated node agent. It behaves like ours: the life of each allocation is
// decided by package alloc, what is wanted comes and statuses go through a session,
// without one everything runs on, and a successor begins only after what it takes the
// place of has ended.
type agent struct {
	world     *World
	name      string
	facts     *api.Node
	up        bool // the machine and the agent run
	connected bool
	session   uint64 // index at which it was recorded
	sessions  int
	full      bool     // the next set is the first of a session
	news      []string // allocations of which something else may be wanted
	next      int64    // when the earliest timer fires, Unix nanoseconds

	instances map[string]*instance // by allocation
	active    []*instance          // those of which something is left to do
	reports   []string             // allocations whose status is to be reported
}

// instance is an allocation on its node.
type instance struct {
	alloc   *api.Allocation
	job     *api.Job
	life    *alloc.Life
	begun   bool
	removed bool // the servers do not know it any more
	timers  []timer
	probes  []*probe              // of its services, in the order of their checks
	last    *api.AllocationStatus // what was last made of it to report
}

// timer is an event of an allocation's life that comes at a time.
type timer struct {
	at    int64 // Unix nanoseconds
	task  string
	event alloc.Event
}

// sync takes what is wanted of the node: all of it at the beginning of a session, then
// what has changed.
func (a *agent) sync() {
	snap := a.world.store.Snapshot()
	if !a.held(snap) {
		return
	}
	news, full := a.news, a.full
	if full {
		news = a.all(snap)
	}
	a.news = nil
	var run []*api.Allocation
	for _, id := range news {
		al, ok := store.Get[*api.Allocation](snap, api.Key{Kind: api.KindAllocation, ID: id})
		switch {
		case !ok:
			a.remove(id)
		case al.WantsRun():
			run = append(run, al)
		default:
			a.want(snap, al) // stops first
		}
	}
	for _, al := range run {
		a.want(snap, al)
	}
	a.full = false
	a.tick()
}

// all returns the allocations that are wanted of the node, and those that it has.
func (a *agent) all(snap store.Snapshot) []string {
	ids := make(map[string]bool, len(a.instances))
	for id := range a.instances {
		ids[id] = true
	}
	for al := range store.List[*api.Allocation](snap, store.Query{Index: store.ByNode, Value: a.facts.ID}) {
		ids[al.ID] = true
	}
	return slices.Sorted(maps.Keys(ids))
}

// remove ends and forgets an allocation that the servers do not know any more.
func (a *agent) remove(id string) {
	i := a.instances[id]
	if i == nil {
		return
	}
	i.removed = true
	a.step(i, alloc.Stop{})
	if i.life.Settled() {
		delete(a.instances, id)
	}
}

// held reports whether the servers know the session. If not, it ends: the agent opens
// another one.
func (a *agent) held(snap store.Snapshot) bool {
	known, ok := store.Get[*api.NodeSession](snap, (&api.NodeSession{NodeID: a.facts.ID}).Key())
	if ok && known.ModifyIndex == a.session {
		return true
	}
	a.connected = false
	a.connect()
	return false
}

// want takes what is wanted of one allocation.
func (a *agent) want(snap store.Snapshot, al *api.Allocation) {
	status, _ := store.Get[*api.AllocationStatus](snap, (&api.AllocationStatus{ID: al.ID}).Key())
	i := a.instances[al.ID]
	switch {
	case i != nil && status.Terminal():
		a.step(i, alloc.Stop{})
	case i != nil:
		a.update(snap, i, al)
		if a.full && i.last != nil && (status == nil || status.ModifyTime != i.last.ModifyTime) {
			a.tell(i)
		}
	case status.Terminal():
	case !al.WantsRun():
		a.unstarted(al, api.AllocClientComplete)
	default:
		a.start(snap, al)
	}
}

// start takes on an allocation that is new to the node.
func (a *agent) start(snap store.Snapshot, al *api.Allocation) {
	version, ok := store.Get[*api.JobVersion](snap, api.JobVersionKey(al.Namespace, al.JobID, al.JobVersion))
	if !ok {
		a.unstarted(al, api.AllocClientFailed)
		return
	}
	spec, err := alloc.SpecOf(version.Job, al.TaskGroup, al.ID, 0)
	if err != nil {
		a.unstarted(al, api.AllocClientFailed)
		return
	}
	i := &instance{alloc: al, job: version.Job}
	i.life = alloc.New(spec, func() float64 { return 0.5 })
	a.instances[al.ID] = i
	a.active = append(a.active, i)
	a.changed(i)
}

// unstarted reports of an allocation that never ran here.
func (a *agent) unstarted(al *api.Allocation, state string) {
	i := &instance{alloc: al, begun: true, life: alloc.New(alloc.Spec{AllocID: al.ID}, nil)}
	a.instances[al.ID] = i
	i.last = &api.AllocationStatus{
		ID: al.ID, NodeID: al.NodeID, Namespace: al.Namespace, JobID: al.JobID,
		ClientStatus: state, ModifyTime: a.world.now.UnixNano(),
	}
	a.tell(i)
}

// update takes a newer state of what is wanted of an allocation.
func (a *agent) update(snap store.Snapshot, i *instance, al *api.Allocation) {
	if al.JobVersion != i.alloc.JobVersion {
		version, ok := store.Get[*api.JobVersion](snap, api.JobVersionKey(al.Namespace, al.JobID, al.JobVersion))
		if ok && i.job != nil {
			if spec, err := alloc.SpecOf(version.Job, al.TaskGroup, al.ID, 0); err == nil {
				i.job = version.Job
				a.step(i, alloc.Update{Spec: spec})
			}
		}
	}
	i.alloc = al
	if !al.WantsRun() && !i.life.Ended() {
		a.step(i, alloc.Stop{})
	}
}

// tick begins what may begin, fires timers that are due, and finds the next one.
func (a *agent) tick() {
	now := a.world.now.UnixNano()
	for again := true; again; {
		again = false
		for _, i := range slices.Clone(a.active) {
			if !i.begun && !a.waits(i) {
				i.begun = true
				a.step(i, alloc.Begin{})
				again = true
			}
			again = a.probe(i) || again
			for n := 0; n < len(i.timers); n++ {
				if t := i.timers[n]; t.at <= now {
					i.timers = slices.Delete(i.timers, n, n+1)
					a.step(i, t.event)
					again = true
					break
				}
			}
		}
		a.active = slices.DeleteFunc(a.active, func(i *instance) bool {
			if i.life.Settled() && i.removed {
				delete(a.instances, i.alloc.ID)
			}
			return i.life.Settled()
		})
	}
	a.next = math.MaxInt64
	for _, i := range a.active {
		for _, t := range i.timers {
			a.next = min(a.next, t.at)
		}
		for _, p := range i.probes {
			a.next = min(a.next, p.at.UnixNano())
		}
	}
}

// waits reports whether an allocation has to wait for the end of others: of the one that
// it takes the place of, of those that were preempted for it, and of those that have a port
// of its.
func (a *agent) waits(i *instance) bool {
	if !i.alloc.WantsRun() {
		return false
	}
	for _, other := range a.active {
		if other == i || other.life.Ended() || !other.begun {
			continue
		}
		if other.alloc.ID == i.alloc.PreviousAllocation || slices.Contains(i.alloc.PreemptedAllocations, other.alloc.ID) ||
			sharePort(other.alloc.Ports, i.alloc.Ports) {
			return true
		}
	}
	return false
}

func sharePort(a, b []api.AllocatedPort) bool {
	for _, p := range a {
		for _, q := range b {
			if p.Value == q.Value {
				return true
			}
		}
	}
	return false
}

// step applies an event to a life, and does what it asks for.
func (a *agent) step(i *instance, event alloc.Event) {
	if _, stop := event.(alloc.Stop); stop {
		i.begun = true
	}
	now := a.world.now
	a.perform(i, i.life.Step(event, now))
	a.changed(i)
}

// perform carries out what a life asks for.
func (a *agent) perform(i *instance, actions []alloc.Action) {
	now := a.world.now
	in := func(d time.Duration, task string, e alloc.Event) {
		at := now.Add(d).UnixNano()
		i.timers = append(i.timers, timer{at, task, e})
		a.next = min(a.next, at)
	}
	for _, action := range actions {
		switch act := action.(type) {
		case alloc.StartTask:
			p := a.planOf(i, act.Task, act.Attempt)
			if p.noStart {
				in(p.startup, act.Task, alloc.StartFailed{Task: act.Task, Attempt: act.Attempt, Stage: alloc.StageDriver, Message: "no such luck", Recoverable: true})
				continue
			}
			in(p.startup, act.Task, alloc.Started{Task: act.Task, Attempt: act.Attempt, Handle: driver.Handle{TaskID: act.Task, Started: now.Add(p.startup)}})
			if p.ends {
				in(p.startup+p.lasts, act.Task, alloc.Exited{Task: act.Task, Attempt: act.Attempt, Result: driver.ExitResult{ExitCode: p.code}})
			}
		case alloc.RecoverTask:
			in(0, act.Task, alloc.Gone{Task: act.Task, Attempt: act.Attempt})
		case alloc.StopTask:
			_, attempt, _, _ := i.life.Task(act.Task)
			i.timers = slices.DeleteFunc(i.timers, func(t timer) bool { return t.task == act.Task })
			in(min(act.Grace, a.planOf(i, act.Task, attempt).stopping), act.Task, alloc.Exited{Task: act.Task, Attempt: attempt, Result: driver.ExitResult{Signal: 15}})
		case alloc.DestroyTask:
			in(0, act.Task, alloc.Destroyed{Task: act.Task, TaskID: act.Handle.TaskID})
		case alloc.SetTimer:
			in(act.At.Sub(now), act.Task, alloc.Timer{Task: act.Task})
		}
	}
}

// changed reports what became of an allocation if that is news.
func (a *agent) changed(i *instance) {
	if i.job == nil {
		return
	}
	s := i.life.Status()
	a.serve(i, s)
	if i.last != nil && sameStatus(s, i.last) {
		return
	}
	s.NodeID, s.Namespace, s.JobID, s.ModifyTime = a.facts.ID, i.alloc.Namespace, i.alloc.JobID, a.world.now.UnixNano()
	i.last = s
	a.tell(i)
}

func sameStatus(a, b *api.AllocationStatus) bool {
	if a.ClientStatus != b.ClientStatus || len(a.TaskStates) != len(b.TaskStates) {
		return false
	}
	for name, x := range a.TaskStates {
		y := b.TaskStates[name]
		if y == nil || x.State != y.State || x.Failed != y.Failed || x.Restarts != y.Restarts || !slices.Equal(x.Events, y.Events) {
			return false
		}
	}
	return slices.EqualFunc(a.Checks, b.Checks, func(x, y *api.CheckState) bool { return *x == *y })
}

// tell has the status of an allocation reported.
func (a *agent) tell(i *instance) {
	if !slices.Contains(a.reports, i.alloc.ID) {
		a.reports = append(a.reports, i.alloc.ID)
	}
}

// report has the servers store what became of allocations, as package sessions does.
func (a *agent) report() {
	snap := a.world.store.Snapshot()
	if !a.held(snap) {
		return
	}
	txn := store.Txn{Conditions: []store.Condition{{Key: (&api.NodeSession{NodeID: a.facts.ID}).Key(), ModifyIndex: a.session}}}
	for _, id := range a.reports {
		i := a.instances[id]
		if i == nil || i.last == nil || !a.accepted(snap, i.last) {
			continue
		}
		txn.Writes = append(txn.Writes, store.Put(i.last))
	}
	a.reports = nil
	if len(txn.Writes) == 0 {
		return
	}
	if _, err := a.world.commit(a.name, txn); err != nil {
		a.world.breaks(err)
	}
}

// accepted reports whether the servers take a status: what has ended stays as it ended.
func (a *agent) accepted(snap store.Snapshot, s *api.AllocationStatus) bool {
	if al, ok := store.Get[*api.Allocation](snap, api.Key{Kind: api.KindAllocation, ID: s.ID}); !ok || al.NodeID != a.facts.ID {
		return false
	}
	old, ok := store.Get[*api.AllocationStatus](snap, s.Key())
	return !ok || !old.Terminal() || old.ClientStatus == s.ClientStatus
}

// crash ends the machine: every task is gone, and nobody says so.
func (a *agent) crash() {
	a.disconnect(false)
	a.up = false
}

// boot starts the machine again: its agent finds no task running. wiped: nor anything
// that it had stored.
func (a *agent) boot(wiped bool) {
	a.up = true
	a.reports = nil
	if wiped {
		clear(a.instances)
		a.active = nil
	}
	for _, i := range a.active {
		a.restore(i)
	}
	a.tick()
}

// restore makes an allocation's life anew from what is on disk.
func (a *agent) restore(i *instance) {
	i.timers, i.probes = nil, nil
	if i.job == nil || !i.begun {
		return
	}
	stored, err := i.life.Record()
	if err != nil {
		a.world.breaks(err)
		return
	}
	spec, err := alloc.SpecOf(i.job, i.alloc.TaskGroup, i.alloc.ID, 0)
	if err != nil {
		a.world.breaks(err)
		return
	}
	var actions []alloc.Action
	if i.life, actions, err = alloc.Restore(spec, stored, func() float64 { return 0.5 }, a.world.now); err != nil {
		a.world.breaks(err)
		return
	}
	a.perform(i, actions)
	a.changed(i)
}

// plan is what one start of a task comes to.
type plan struct {
	startup  time.Duration
	noStart  bool
	ends     bool
	lasts    time.Duration
	code     int
	stopping time.Duration // how long it takes to end when it is told to
}

// fails reports whether the start comes to no good.
func (p plan) fails() bool { return p.noStart || p.ends && p.code != 0 }

// env returns what a task is told by its job.
func (i *instance) env(task string) map[string]string {
	if i.job == nil {
		return nil
	}
	if t := i.job.Group(i.alloc.TaskGroup).Task(task); t != nil {
		return t.Env
	}
	return nil
}

// planOf says what a start of a task comes to: as its job says (see jobs.go), and for
// the rest by its name and number, so that it is the same again in a history that has
// fewer ops.
func (a *agent) planOf(i *instance, task string, attempt int) plan {
	h := fnv.New64a()
	h.Write([]byte(i.alloc.Name))
	h.Write([]byte{byte(attempt), byte(i.alloc.JobVersion)})
	luck := h.Sum64()
	p := plan{
		startup:  time.Duration(luck%3) * 300 * time.Millisecond,
		stopping: time.Duration(luck/3%4) * time.Second,
	}
	outcome(i.env(task)["RUN"], luck/12, attempt <= 1 && len(events(i.alloc)) == 0, &p)
	if a.world.healed && p.fails() {
		p.ends, p.noStart = i.job.IsBatch(), false
		p.code = 0
	}
	return p
}
