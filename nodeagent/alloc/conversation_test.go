package alloc_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/alloc"
	"github.com/droverhq/drover/nodeagent/driver"
)

// TestConversations plays the scripts in testdata/conversations: events in, actions and reported
// status out. Time starts at 0 and passes only by `after`.
func TestConversations(t *testing.T) {
	datadriven.Walk(t, "testdata/conversations", func(t *testing.T, path string) {
		var p player
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			return p.play(t, d)
		})
	})
}

type player struct {
	life    *alloc.Life
	spec    alloc.Spec
	stored  []byte
	now     time.Time
	printed map[string][]string
}

func (p *player) play(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	switch d.Cmd {
	case "alloc":
		return p.newAlloc(t, d)
	case "crash": // whatever was not stored is lost
		life, actions, err := alloc.Restore(p.spec, p.stored, half, p.now)
		if err != nil {
			return err.Error()
		}
		p.life = life
		if !d.HasArg("alone") { // with the servers in contact at once
			actions = append(actions, life.Step(alloc.Wanted{}, p.now)...)
		}
		return p.report(t, actions)
	}
	if d.HasArg("after") {
		var s string
		d.ScanArgs(t, "after", &s)
		p.now = p.now.Add(duration(t, s))
	}
	return p.report(t, p.life.Step(p.event(t, d), p.now))
}

func half() float64 { return 0.5 }

func (p *player) newAlloc(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	p.now = time.Unix(0, 0).UTC()
	p.printed = map[string][]string{}
	job := &api.Job{ID: new("j"), Type: new("service")}
	g := &api.TaskGroup{Name: new("g"), RestartPolicy: &api.RestartPolicy{}}
	job.TaskGroups = []*api.TaskGroup{g}
	for _, arg := range d.CmdArgs {
		groupArg(t, job, g, arg)
	}
	for line := range strings.Lines(d.Input) {
		g.Tasks = append(g.Tasks, parseTask(t, strings.Fields(line)))
	}
	spec, err := alloc.SpecOf(job, "g", "a", 30*time.Second)
	if err != nil {
		return err.Error()
	}
	spec.Site = d.HasArg("site")
	p.spec = spec
	p.life = alloc.New(spec, half)
	return p.report(t, p.life.Step(alloc.Begin{}, p.now))
}

func groupArg(t *testing.T, job *api.Job, g *api.TaskGroup, arg datadriven.CmdArg) {
	t.Helper()
	v := append(arg.Vals, "")[0]
	switch arg.Key {
	case "type":
		job.Type = &v
	case "attempts":
		n := number(t, v)
		g.RestartPolicy.Attempts = &n
	case "interval":
		g.RestartPolicy.Interval = new(duration(t, v))
	case "delay":
		g.RestartPolicy.Delay = new(duration(t, v))
	case "mode":
		g.RestartPolicy.Mode = &v
	case "shutdown_delay":
		g.ShutdownDelay = new(duration(t, v))
	case "max_run":
		g.MaxRunDuration = new(duration(t, v))
	case "stop_after":
		g.Disconnect = &api.DisconnectStrategy{StopOnClientAfter: new(duration(t, v))}
	case "site":
	default:
		t.Fatalf("unknown argument %s", arg.Key)
	}
}

func parseTask(t *testing.T, words []string) *api.Task {
	t.Helper()
	task := &api.Task{Name: words[0], Driver: "d"}
	for _, w := range words[1:] {
		key, value, _ := strings.Cut(w, "=")
		switch key {
		case "leader":
			task.Leader = true
		case "sidecar":
			task.Lifecycle.Sidecar = true
		case api.HookPrestart, api.HookPoststart, api.HookPoststop:
			task.Lifecycle = &api.TaskLifecycle{Hook: key}
		case "kill_signal":
			task.KillSignal = value
		case "kill_timeout":
			task.KillTimeout = new(duration(t, value))
		case "shutdown_delay":
			task.ShutdownDelay = duration(t, value)
		default:
			t.Fatalf("unknown word %s", w)
		}
	}
	return task
}

func duration(t *testing.T, s string) time.Duration {
	t.Helper()
	v, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (p *player) event(t *testing.T, d *datadriven.TestData) alloc.Event {
	t.Helper()
	var task, reason string
	var code, sig int
	d.MaybeScanArgs(t, "task", &task)
	d.MaybeScanArgs(t, "reason", &reason)
	d.MaybeScanArgs(t, "code", &code)
	d.MaybeScanArgs(t, "signal", &sig)
	_, attempt, _, _ := p.life.Task(task)
	d.MaybeScanArgs(t, "attempt", &attempt)
	h := driver.Handle{Driver: "d", TaskID: fmt.Sprintf("%s/%d", task, attempt)}
	switch d.Cmd {
	case "stop":
		return alloc.Stop{NoShutdownDelay: d.HasArg("no-delay"), NoPoststop: d.HasArg("no-poststop")}
	case "started":
		return alloc.Started{Task: task, Attempt: attempt, Handle: h}
	case "start-failed":
		return alloc.StartFailed{Task: task, Attempt: attempt, Stage: alloc.Stage(reason), Message: "it broke", Recoverable: d.HasArg("recoverable")}
	case "exited":
		return alloc.Exited{Task: task, Attempt: attempt, Result: driver.ExitResult{ExitCode: code, Signal: sig, FinishedAt: p.now}}
	case "recovered":
		return alloc.Recovered{Task: task, Attempt: attempt, Handle: h}
	case "gone":
		return alloc.Gone{Task: task, Attempt: attempt}
	case "destroyed":
		return alloc.Destroyed{Task: task, TaskID: h.TaskID}
	case "not-destroyed":
		return alloc.NotDestroyed{Task: task, TaskID: h.TaskID}
	case "site-made":
		return alloc.SiteMade{Site: alloc.Site{Status: &api.AllocNetworkStatus{Address: "10.0.0.2"}}}
	case "site-failed":
		return alloc.SiteFailed{Message: "no bridge"}
	case "site-cleared":
		return alloc.SiteCleared{}
	case "timer":
		return alloc.Timer{Task: task}
	case "overfull":
		return alloc.Overfull{Used: 11<<20 + 1, Limit: 10 << 20}
	case "abandon":
		return alloc.Abandon{}
	case "wanted":
		return alloc.Wanted{}
	case "fail":
		return alloc.Fail{Task: task, Attempt: attempt, Reason: reason}
	case "restart-all":
		return alloc.RestartAll{Reason: reason}
	case "restart":
		return alloc.Restart{Task: task, Attempt: attempt, Reason: reason, Unwell: d.HasArg("unwell")}
	}
	t.Fatalf("unknown command %s", d.Cmd)
	return nil
}

// report prints the actions, the events that are new, and the state.
func (p *player) report(t *testing.T, actions []alloc.Action) string {
	t.Helper()
	stored, err := p.life.Record()
	if err != nil {
		t.Fatal(err)
	}
	p.stored = stored
	var b strings.Builder
	for _, a := range actions {
		fmt.Fprintln(&b, p.describe(a))
	}
	s := p.life.Status()
	names := make([]string, 0, len(s.TaskStates))
	for name := range s.TaskStates {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		state := s.TaskStates[name]
		old := p.printed[name]
		p.printed[name] = nil
		for _, e := range state.Events {
			line := fmt.Sprintf("%s  %s: %s", name, e.Type, e.DisplayMessage)
			key := fmt.Sprintf("%d %s", e.Time, line)
			p.printed[name] = append(p.printed[name], key)
			if !slices.Contains(old, key) {
				fmt.Fprintln(&b, line)
			}
		}
	}
	for _, name := range names {
		phase, attempt, _, _ := p.life.Task(name)
		fmt.Fprintf(&b, "= %s %s %s", name, s.TaskStates[name].State, phase)
		if attempt > 1 {
			fmt.Fprintf(&b, " start %d, %d restarts", attempt, s.TaskStates[name].Restarts)
		}
		if s.TaskStates[name].Failed {
			b.WriteString(" failed")
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "= %s: %s\n", s.ClientStatus, s.ClientDescription)
	if s.NetworkStatus != nil {
		fmt.Fprintf(&b, "= address %s\n", s.NetworkStatus.Address)
	}
	return b.String()
}

func (p *player) describe(a alloc.Action) string {
	switch a := a.(type) {
	case alloc.StartTask:
		return fmt.Sprintf("> start %s, start %d", a.Task, a.Attempt)
	case alloc.AbortStart:
		return "> abort start of " + a.Task
	case alloc.RecoverTask:
		if a.Handle == nil {
			return fmt.Sprintf("> recover %s, start %d, without a handle", a.Task, a.Attempt)
		}
		return fmt.Sprintf("> recover %s, start %d", a.Task, a.Attempt)
	case alloc.StopTask:
		return fmt.Sprintf("> stop %s with %s, kill after %v", a.Handle.TaskID, a.Signal, a.Grace)
	case alloc.DestroyTask:
		return "> destroy " + a.Handle.TaskID
	case alloc.MakeSite:
		return "> make site"
	case alloc.AbortSite:
		return "> abort site"
	case alloc.ClearSite:
		return "> clear site"
	case alloc.SetTimer:
		who := a.Task
		if who == "" {
			who = "group"
		}
		return fmt.Sprintf("> timer of %s in %v", who, a.At.Sub(p.now))
	}
	return fmt.Sprintf("> %T", a)
}
