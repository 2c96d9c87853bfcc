package alloc_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/alloc"
	"github.com/droverhq/drover/nodeagent/driver"
)

// TestNoTaskRunsTwiceWhateverCrashes plays random histories of one allocation:
// tasks start, end, fail; the servers stop it; users restart tasks; and the agent
// dies between any two steps, also inside a start, and picks up again. At no moment
// do two processes of a task live, a terminal status is never told while one lives or
// something is left of what they share, none starts before that is made, and in the end everything is where it was asked to be.
func TestNoTaskRunsTwiceWhateverCrashes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		steps := rapid.IntRange(0, 120).Draw(t, "steps")
		for range steps {
			w.randomStep()
		}
		w.drain()
		w.checkAtRest()
		w.stopped = true
		w.deliver(alloc.Stop{})
		w.drain()
		if !w.life.Ended() {
			t.Fatalf("not ended after stop:\n%s", w.dump())
		}
		for id, p := range w.procs {
			if p.state != destroyed {
				t.Fatalf("%s is left over (%v) in the end:\n%s", id, p.state, w.dump())
			}
		}
		if w.site != nothing {
			t.Fatalf("what the tasks shared is left over in the end:\n%s", w.dump())
		}
	})
}

type procState int

const (
	coming    procState = iota // a start is underway and may yet make the process
	alive                      // it runs
	exited                     // it ended, its exit result can be read
	destroyed                  // nothing of it is left
)

type proc struct {
	task    string
	attempt int
	state   procState
	code    int
	stop    bool
	watched bool
}

// siteState is what there is of what the tasks share.
type siteState int

const (
	nothing siteState = iota
	some              // a part, or all but unknown to be
	whole
)

// world is the machine: processes that outlive the agent, what is on disk, and what
// is in the agent's memory until it dies.
type world struct {
	t       *rapid.T
	spec    alloc.Spec
	life    *alloc.Life
	now     time.Time
	stored  []byte
	procs   map[string]*proc
	site    siteState
	queues  map[string][]alloc.Action
	inbox   []alloc.Event
	timers  map[string]time.Time
	stopped bool
	doubted bool // the agent has died, and the next has not heard that the allocation is wanted
}

func newWorld(t *rapid.T) *world {
	batch := rapid.Bool().Draw(t, "batch")
	kind := api.JobTypeService
	if batch {
		kind = api.JobTypeBatch
	}
	g := &api.TaskGroup{Name: new("g"), RestartPolicy: &api.RestartPolicy{
		Attempts: new(rapid.IntRange(0, 3).Draw(t, "attempts")),
		Interval: new(time.Minute), Delay: new(time.Second),
		Mode: new(rapid.SampledFrom([]string{"fail", "delay"}).Draw(t, "mode")),
	}}
	if rapid.Bool().Draw(t, "delay") {
		g.ShutdownDelay = new(time.Second)
	}
	lifecycles := []*api.TaskLifecycle{nil, nil, {Hook: "prestart"}, {Hook: "prestart", Sidecar: true}, {Hook: "poststart"}, {Hook: "poststart", Sidecar: true}, {Hook: "poststop"}}
	g.Tasks = []*api.Task{{Name: "t0", ShutdownDelay: time.Second}}
	for i := range rapid.IntRange(0, 3).Draw(t, "tasks") {
		g.Tasks = append(g.Tasks, &api.Task{
			Name:      fmt.Sprintf("t%d", i+1),
			Lifecycle: rapid.SampledFrom(lifecycles).Draw(t, "lifecycle"),
			Leader:    i == 0 && rapid.Bool().Draw(t, "leader"),
		})
		if g.Tasks[i+1].Lifecycle != nil {
			g.Tasks[i+1].Leader = false
		}
	}
	spec, err := alloc.SpecOf(&api.Job{ID: new("j"), Type: &kind, TaskGroups: []*api.TaskGroup{g}}, "g", "a", 0)
	if err != nil {
		t.Fatal(err)
	}
	spec.Site = rapid.Bool().Draw(t, "site")
	w := &world{t: t, spec: spec, now: time.Unix(1000, 0), procs: map[string]*proc{}}
	w.boot()
	w.life = alloc.New(spec, half)
	w.deliver(alloc.Begin{})
	return w
}

// boot empties the agent's memory.
func (w *world) boot() {
	w.queues, w.inbox, w.timers = map[string][]alloc.Action{}, nil, map[string]time.Time{}
	for _, p := range w.procs {
		p.watched = false
	}
}

func (w *world) deliver(ev alloc.Event) {
	if _, ok := ev.(alloc.Wanted); ok {
		w.doubted = false
	}
	actions := w.life.Step(ev, w.now)
	stored, err := w.life.Record()
	if err != nil {
		w.t.Fatal(err)
	}
	if rapid.IntRange(0, 30).Draw(w.t, "die before store") == 0 && w.stored != nil {
		for _, a := range actions {
			if a.Early() {
				w.perform(a)
			}
		}
		w.crash()
		return
	}
	w.stored = stored
	w.enqueue(actions)
	w.check()
}

func (w *world) enqueue(actions []alloc.Action) {
	for _, a := range actions {
		switch a := a.(type) {
		case alloc.SetTimer:
			w.timers[a.Task] = a.At
		case alloc.AbortStart, alloc.AbortSite:
		default:
			w.queues[a.About()] = append(w.queues[a.About()], a)
		}
	}
}

func (w *world) crash() {
	w.boot()
	life, actions, err := alloc.Restore(w.spec, w.stored, half, w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	w.life = life
	w.doubted = true
	if w.stopped {
		w.inbox = append(w.inbox, alloc.Stop{}) // the desired set says so again
	} else {
		w.inbox = append(w.inbox, alloc.Wanted{})
	}
	w.enqueue(actions)
	w.check()
}

func id(task string, attempt int) string { return fmt.Sprintf("%s/%d", task, attempt) }

func handle(task string, attempt int) driver.Handle {
	return driver.Handle{TaskID: id(task, attempt)}
}

// perform carries out one action; what takes time is left half done.
func (w *world) perform(a alloc.Action) {
	switch a := a.(type) {
	case alloc.StartTask:
		if w.doubted && w.role(a.Task) != alloc.Poststop {
			w.t.Fatalf("start %s is made before it is known to be wanted:\n%s", id(a.Task, a.Attempt), w.dump())
		}
		if w.spec.Site && w.site != whole {
			w.t.Fatalf("start %s is made before what the tasks share:\n%s", id(a.Task, a.Attempt), w.dump())
		}
		if rapid.IntRange(0, 5).Draw(w.t, "start fails") == 0 {
			w.inbox = append(w.inbox, alloc.StartFailed{Task: a.Task, Attempt: a.Attempt, Stage: alloc.StageDriver, Recoverable: rapid.Bool().Draw(w.t, "recoverable")})
			return
		}
		if w.procs[id(a.Task, a.Attempt)] != nil {
			w.t.Fatalf("start %s is made twice:\n%s", id(a.Task, a.Attempt), w.dump())
		}
		w.procs[id(a.Task, a.Attempt)] = &proc{task: a.Task, attempt: a.Attempt, watched: true}
	case alloc.RecoverTask:
		p := w.procs[id(a.Task, a.Attempt)]
		switch {
		case p != nil && (p.state == alive || p.state == exited):
			p.watched = true
			w.inbox = append(w.inbox, alloc.Recovered{Task: a.Task, Attempt: a.Attempt, Handle: handle(a.Task, a.Attempt)})
			if p.state == exited {
				w.tellExit(p)
			}
		default:
			if p != nil && p.state == coming {
				p.state = destroyed
			}
			w.inbox = append(w.inbox, alloc.Gone{Task: a.Task, Attempt: a.Attempt})
		}
	case alloc.StopTask:
		if p := w.procs[a.Handle.TaskID]; p != nil {
			p.stop = true
		}
	case alloc.MakeSite:
		if rapid.IntRange(0, 5).Draw(w.t, "site fails") == 0 {
			w.site = some
			w.inbox = append(w.inbox, alloc.SiteFailed{Message: "it broke"})
			return
		}
		w.site = whole
		w.inbox = append(w.inbox, alloc.SiteMade{})
	case alloc.ClearSite:
		if names := w.procNames(coming, alive, exited); len(names) > 0 {
			w.t.Fatalf("what %v share is cleared:\n%s", names, w.dump())
		}
		w.site = nothing
		w.inbox = append(w.inbox, alloc.SiteCleared{})
	case alloc.DestroyTask:
		if p := w.procs[a.Handle.TaskID]; p != nil {
			p.state = destroyed
		}
		w.inbox = append(w.inbox, alloc.Destroyed{Task: a.Task, TaskID: a.Handle.TaskID})
	}
}

func (w *world) tellExit(p *proc) {
	w.inbox = append(w.inbox, alloc.Exited{Task: p.task, Attempt: p.attempt, Result: driver.ExitResult{ExitCode: p.code, FinishedAt: w.now}})
}

// happen lets something happen to a process.
func (w *world) happen(p *proc, code int) {
	switch p.state {
	case coming:
		p.state = alive
		if p.watched { // else the agent that asked for it is dead
			w.inbox = append(w.inbox, alloc.Started{Task: p.task, Attempt: p.attempt, Handle: handle(p.task, p.attempt)})
		}
	case alive:
		p.state, p.code = exited, code
		if p.watched {
			w.tellExit(p)
		}
	}
	w.check()
}

func (w *world) randomStep() {
	switch rapid.SampledFrom([]string{"event", "event", "event", "action", "action", "action", "proc", "proc", "timer", "crash", "reboot", "stop", "restart", "restart all"}).Draw(w.t, "step") {
	case "event":
		w.takeEvent()
	case "action":
		w.takeAction()
	case "proc":
		if names := w.procNames(coming, alive); len(names) > 0 {
			w.happen(w.procs[rapid.SampledFrom(names).Draw(w.t, "proc")], rapid.IntRange(0, 1).Draw(w.t, "code"))
		}
	case "timer":
		w.takeTimer()
	case "crash":
		w.crash()
	case "reboot":
		for _, p := range w.procs {
			p.state = destroyed
		}
		w.site = min(w.site, some)
		w.crash()
	case "stop":
		if rapid.IntRange(0, 5).Draw(w.t, "really") == 0 {
			w.stopped = true
			w.deliver(alloc.Stop{NoShutdownDelay: rapid.Bool().Draw(w.t, "no delay")})
		}
	case "restart":
		w.deliver(alloc.Restart{})
	case "restart all":
		w.deliver(alloc.RestartAll{})
	}
}

func (w *world) procNames(states ...procState) []string {
	var names []string
	for name, p := range w.procs {
		if slices.Contains(states, p.state) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (w *world) takeEvent() bool {
	if len(w.inbox) == 0 {
		return false
	}
	ev := w.inbox[0]
	w.inbox = w.inbox[1:]
	w.deliver(ev)
	return true
}

// takeAction carries out the next action of some task, unless the task is still
// busy with its start.
func (w *world) takeAction() bool {
	var ready []string
	for name, q := range w.queues {
		if len(q) > 0 && !w.starting(name) {
			ready = append(ready, name)
		}
	}
	if len(ready) == 0 {
		return false
	}
	slices.Sort(ready)
	name := rapid.SampledFrom(ready).Draw(w.t, "task")
	a := w.queues[name][0]
	w.queues[name] = w.queues[name][1:]
	w.perform(a)
	return true
}

func (w *world) starting(task string) bool {
	for _, p := range w.procs {
		if p.task == task && p.state == coming && p.watched {
			return true
		}
	}
	return false
}

func (w *world) takeTimer() bool {
	var first string
	found := false
	for name, at := range w.timers {
		if !found || at.Before(w.timers[first]) || at.Equal(w.timers[first]) && name < first {
			first, found = name, true
		}
	}
	if !found {
		return false
	}
	if at := w.timers[first]; at.After(w.now) {
		w.now = at
	}
	delete(w.timers, first)
	w.deliver(alloc.Timer{Task: first})
	return true
}

func (w *world) role(task string) alloc.Role {
	for _, ts := range w.spec.Tasks {
		if ts.Name == task {
			return ts.Role
		}
	}
	w.t.Fatalf("no task %s", task)
	return 0
}

// drain lets everything that is underway come to its end: processes that were asked
// to end do, starts succeed, timers fire.
func (w *world) drain() {
	for range 10000 {
		busy := w.takeEvent() || w.takeAction()
		for _, name := range w.procNames(coming, alive) {
			if p := w.procs[name]; p.state == coming || p.stop || w.role(p.task) == alloc.Poststop {
				w.happen(p, 0)
				busy = true
			}
		}
		if !busy && !w.takeTimer() {
			return
		}
	}
	w.t.Fatalf("never comes to rest:\n%s", w.dump())
}

func (w *world) check() {
	w.t.Helper()
	living := map[string]int{}
	for _, p := range w.procs {
		if p.state == alive {
			living[p.task]++
		}
	}
	for task, n := range living {
		if n > 1 {
			w.t.Fatalf("%d processes of %s live:\n%s", n, task, w.dump())
		}
	}
	s := w.life.Status()
	if s.Terminal() && len(living) > 0 {
		w.t.Fatalf("status %s while %v live:\n%s", s.ClientStatus, living, w.dump())
	}
	if s.Terminal() && w.site != nothing {
		w.t.Fatalf("status %s while something is left of what the tasks share:\n%s", s.ClientStatus, w.dump())
	}
	for name, state := range s.TaskStates {
		if len(state.Events) > api.MaxTaskEvents {
			w.t.Fatalf("%s has %d events", name, len(state.Events))
		}
	}
}

// checkAtRest holds when nothing is underway: what is said to run does, and nothing
// hangs in between.
func (w *world) checkAtRest() {
	w.t.Helper()
	for _, ts := range w.spec.Tasks {
		phase, attempt, h, _ := w.life.Task(ts.Name)
		p := w.procs[id(ts.Name, attempt)]
		switch phase {
		case alloc.PhaseRunning:
			if p == nil || p.state != alive || h == nil {
				w.t.Fatalf("%s is said to run and does not:\n%s", ts.Name, w.dump())
			}
		case alloc.PhaseWaiting:
			if w.life.Ended() {
				w.t.Fatalf("%s waits for nothing", ts.Name)
			}
		case alloc.PhaseDead:
		default:
			w.t.Fatalf("%s hangs in %s:\n%s", ts.Name, phase, w.dump())
		}
	}
	if len(w.procNames(alive)) == 0 && !w.life.Ended() {
		w.t.Fatalf("nothing runs, and it has not ended:\n%s", w.dump())
	}
}

func (w *world) dump() string {
	s := ""
	for _, ts := range w.spec.Tasks {
		phase, attempt, _, _ := w.life.Task(ts.Name)
		s += fmt.Sprintf("task %s role %d leader %v: %s %d\n", ts.Name, ts.Role, ts.Leader, phase, attempt)
	}
	for name, p := range w.procs {
		s += fmt.Sprintf("proc %s: %+v\n", name, *p)
	}
	return s + string(w.stored)
}
