package alloc

import (
	"slices"
	"time"

	"github.com/droverhq/drover/nodeagent/driver"
)

func (Begin) apply(l *Life, now time.Time) {
	if l.rec.Begun {
		return
	}
	l.rec.Begun, l.rec.BegunAt = true, now
	l.setGroupTimer(now)
	for _, t := range l.tasks {
		t.Window.Start = now
		t.note(received(now))
	}
}

func (e Stop) apply(l *Life, now time.Time) {
	l.rec.NoDelay = l.rec.NoDelay || e.NoShutdownDelay
	l.rec.NoPoststop = l.rec.NoPoststop || e.NoPoststop
	l.endAll(CauseStop, now)
	if !l.rec.NoDelay {
		return
	}
	if l.rec.EndAt.After(now) {
		l.rec.EndAt = now
	}
	for _, t := range l.tasks {
		if t.Phase == PhaseDelaying {
			l.signal(t, now)
		}
	}
}

func (e Update) apply(l *Life, now time.Time) {
	l.spec.ShutdownDelay = e.Spec.ShutdownDelay
	l.spec.MaxRun, l.spec.StopAfter = e.Spec.MaxRun, e.Spec.StopAfter
	l.setGroupTimer(now)
	for _, ts := range e.Spec.Tasks {
		if t := l.find(ts.Name); t != nil {
			t.spec = ts
		}
	}
}

func (e Started) apply(l *Life, now time.Time) {
	t := l.current(e.Task, e.Attempt)
	if t == nil || !t.move(started) {
		return
	}
	at := e.Handle.Started
	if at.IsZero() || at.After(now) {
		at = now
	}
	t.Handle = &e.Handle
	t.State.StartedAt = &at
	t.note(startedEvent(at))
	if t.Kill || t.Rewind {
		t.move(signal)
		l.stopProcess(t)
	}
}

func (e StartFailed) apply(l *Life, now time.Time) {
	t := l.current(e.Task, e.Attempt)
	if t == nil || t.Phase != PhaseStarting {
		return
	}
	t.Handle = nil
	if !t.Kill && !t.Rewind {
		t.note(startFailure(e, now))
	}
	l.ended(t, ending{unrecoverable: !e.Recoverable}, now)
}

func (e Exited) apply(l *Life, now time.Time) {
	t := l.current(e.Task, e.Attempt)
	if t == nil || !t.Phase.Alive() || t.Phase == PhaseStarting {
		return
	}
	at := e.Result.FinishedAt
	if at.IsZero() || at.After(now) {
		at = now
	}
	t.note(terminated(e.Result, at))
	if t.Kill {
		t.note(killed(at))
	}
	l.ended(t, ending{successful: e.Result.Successful() && !t.Unwell}, now)
	if t.Phase == PhaseDead {
		t.State.FinishedAt = &at
	}
}

func (e Recovered) apply(l *Life, now time.Time) {
	t := l.current(e.Task, e.Attempt)
	if t == nil {
		return
	}
	switch t.Phase {
	case PhaseStarting:
		Started(e).apply(l, now)
	case PhaseStopping:
		l.stopProcess(t)
	}
}

func (e Gone) apply(l *Life, now time.Time) {
	t := l.current(e.Task, e.Attempt)
	switch {
	case t == nil || !t.Phase.Alive():
	case t.Phase == PhaseStarting && t.Kill:
		l.finish(t, now)
	case t.Phase == PhaseStarting && t.Rewind:
		l.rewind(t, now)
	case t.Phase == PhaseStarting:
		t.Handle = nil
		l.start(t) // that start never happened
	case t.Kill:
		t.note(killed(now))
		l.ended(t, ending{}, now)
	default:
		t.note(lost(now))
		l.ended(t, ending{}, now)
	}
}

func (e Timer) apply(l *Life, now time.Time) {
	t := l.find(e.Task)
	switch {
	case t == nil: // the group's: settle looks at it
		l.setGroupTimer(now)
	case t.Phase != PhaseBackoff && t.Phase != PhaseDelaying:
	case t.Wake.After(now): // the clock was set
		l.do(SetTimer{Task: e.Task, At: t.Wake})
	case t.Phase == PhaseBackoff:
		l.start(t)
	default:
		l.signal(t, now)
	}
}

func (e Restart) apply(l *Life, now time.Time) {
	if l.rec.Ending != CauseNone {
		return
	}
	for _, t := range l.tasks {
		if (e.Task == "" || e.Task == t.spec.Name) && t.isAt(e.Attempt) && t.Phase == PhaseRunning {
			t.note(restartSignaled(e.Reason, now))
			t.Again, t.Unwell = !e.Unwell, e.Unwell
			t.move(signal)
			l.stopProcess(t)
		}
	}
}

func (e Destroyed) apply(l *Life, _ time.Time) {
	if t := l.find(e.Task); t != nil {
		t.Leftover = slices.DeleteFunc(t.Leftover, func(h driver.Handle) bool { return h.TaskID == e.TaskID })
	}
}

func (e NotDestroyed) apply(l *Life, _ time.Time) {
	if t := l.find(e.Task); t != nil {
		t.stuck = true
	}
}

func (e Noted) apply(l *Life, _ time.Time) {
	if t := l.find(e.Task); t != nil && t.Phase != PhaseDead {
		t.note(e.Event)
	}
}

func (e Fail) apply(l *Life, now time.Time) {
	t := l.find(e.Task)
	if t == nil || t.Kill || t.Phase != PhaseRunning || !t.isAt(e.Attempt) {
		return
	}
	t.note(failing(e.Reason, now))
	t.State.Failed = true
	l.kill(t, now)
}

func (e Signaled) apply(l *Life, now time.Time) {
	if t := l.find(e.Task); t != nil {
		t.note(signaling(e.Signal, e.Reason, now))
	}
}

// start starts a task for the first time or again.
func (l *Life) start(t *task) {
	if l.holdsBack(t) {
		t.move(retire) // a start of which nothing is there waits like one that ended
		return
	}
	if !t.move(turn) {
		return
	}
	t.Attempt++
	t.Wake = time.Time{}
	l.do(StartTask{Task: t.spec.Name, Attempt: t.Attempt})
}

// ended decides what becomes of a task that is not running any more.
func (l *Life) ended(t *task, e ending, now time.Time) {
	switch {
	case t.Kill:
		l.finish(t, now)
		return
	case t.Rewind:
		l.rewind(t, now)
		return
	}
	v := verdict{again: true}
	if !t.Again {
		v = t.spec.Restart.judge(&t.Window, e, now, l.jitter())
	}
	t.Again, t.Unwell = false, false
	if !v.again {
		t.State.Failed = v.fails
		if v.fails {
			t.note(notRestarting(v.reason, now))
		}
		l.finish(t, now)
		return
	}
	t.move(retire)
	t.note(restarting(v.reason, v.delay, now))
	t.State.Restarts++
	t.State.LastRestart = &now
	t.Wake = now.Add(v.delay)
	l.destroy(t)
	l.do(SetTimer{Task: t.spec.Name, At: t.Wake})
}

// finish ends a task for good.
func (l *Life) finish(t *task, now time.Time) {
	if !t.move(end) {
		return
	}
	t.Again, t.Rewind, t.Unwell = false, false, false
	t.State.FinishedAt = &now
	l.destroy(t)
}

// destroy frees what is left of a task that has ended. Its handle stays in the
// record until that is done, so that it is done again if the agent dies first.
func (l *Life) destroy(t *task) {
	if t.Handle == nil {
		return
	}
	l.do(DestroyTask{Task: t.spec.Name, Handle: *t.Handle})
	t.Leftover = append(t.Leftover, *t.Handle)
	t.Handle = nil
}

// kill ends a task for good, whatever it is doing.
func (l *Life) kill(t *task, now time.Time) {
	if t.Kill || t.Phase == PhaseDead {
		return
	}
	t.Kill, t.Again = true, false
	switch t.Phase {
	case PhaseWaiting, PhaseBackoff:
		t.note(killing(t.spec.KillTimeout, now))
		l.finish(t, now)
	case PhaseStarting:
		t.note(killing(t.spec.KillTimeout, now))
		l.do(AbortStart{Task: t.spec.Name})
	case PhaseRunning:
		if d := t.spec.ShutdownDelay; d > 0 && !l.rec.NoDelay {
			t.note(shutdownDelay(d, now))
			t.move(linger)
			t.Wake = now.Add(d)
			l.do(SetTimer{Task: t.spec.Name, At: t.Wake})
			return
		}
		l.signal(t, now)
	case PhaseStopping: // it was being restarted, and now stays down
		t.note(killing(t.spec.KillTimeout, now))
	}
}

// signal begins to end a running task.
func (l *Life) signal(t *task, now time.Time) {
	if !t.move(signal) {
		return
	}
	t.note(killing(t.spec.KillTimeout, now))
	l.stopProcess(t)
}

func (l *Life) stopProcess(t *task) {
	h := driver.Handle{}
	if t.Handle != nil {
		h = *t.Handle
	}
	l.do(StopTask{Task: t.spec.Name, Handle: h, Signal: t.spec.KillSignal, Grace: t.spec.KillTimeout})
}
