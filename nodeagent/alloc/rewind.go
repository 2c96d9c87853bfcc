package alloc

import "time"

// To restart all tasks of an allocation is to live its life again: every task ends, also
// what is being started, and when nothing runs any more each waits for its turn, from the
// prestart tasks on. Poststop tasks have not had their turn, and wait for it still.

// Restartable reports whether all tasks can be restarted: the allocation has begun, and
// is not ending.
func (l *Life) Restartable() bool {
	return l.rec.Begun && l.rec.Ending == CauseNone &&
		!l.all(func(t *task) bool { return t.spec.Role == Poststop || t.Phase == PhaseDead })
}

func (e RestartAll) apply(l *Life, now time.Time) {
	if !l.Restartable() {
		return
	}
	for _, t := range l.tasks {
		if t.spec.Role == Poststop || t.Phase == PhaseWaiting || t.Rewind {
			continue
		}
		t.note(restartSignaled(e.Reason, now))
		switch t.Phase {
		case PhaseStarting:
			t.Rewind = true
			l.do(AbortStart{Task: t.spec.Name})
		case PhaseRunning:
			t.Rewind = true
			t.move(signal)
			l.stopProcess(t)
		case PhaseStopping: // it is being restarted by itself
			t.Rewind = true
		default:
			l.rewind(t, now)
		}
	}
}

// rewinding reports whether some task has yet to end before the first ones start again.
func (l *Life) rewinding() bool {
	return !l.all(func(t *task) bool { return !t.Rewind })
}

// rewind lets a task that has ended wait for its turn again.
func (l *Life) rewind(t *task, now time.Time) {
	counted := t.Phase == PhaseBackoff
	if !t.move(rewind) {
		return
	}
	if !counted {
		t.State.Restarts++
		t.State.LastRestart = &now
	}
	t.Again, t.Rewind, t.Unwell = false, false, false
	t.State.StartedAt, t.State.FinishedAt = nil, nil
	l.destroy(t)
}
