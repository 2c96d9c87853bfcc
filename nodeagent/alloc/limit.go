package alloc

import "time"

// The limits of an allocation's life: how long it may run, how long without contact,
// and that a restored one starts nothing before it is known to be wanted.

// overrun reports whether the allocation has run for as long as it may.
func (l *Life) overrun(now time.Time) bool {
	return l.rec.Ending == CauseNone && l.rec.Begun && l.spec.MaxRun > 0 &&
		!l.rec.BegunAt.Add(l.spec.MaxRun).After(now) && !l.Ended()
}

// setGroupTimer sets the timer of the group, which is for the shutdown delay once the
// tasks are to end, and for the longest run before.
func (l *Life) setGroupTimer(now time.Time) {
	at := l.rec.EndAt
	if l.rec.Ending == CauseNone && l.rec.Begun && l.spec.MaxRun > 0 {
		at = l.rec.BegunAt.Add(l.spec.MaxRun)
	}
	if at.After(now) {
		l.do(SetTimer{At: at})
	}
}

// StopAfter is how long the allocation may run while the agent is out of contact; 0:
// as long as it likes, or it is ending anyway.
func (l *Life) StopAfter() time.Duration {
	if l.rec.Ending != CauseNone || l.Ended() {
		return 0
	}
	return l.spec.StopAfter
}

// Doubted reports whether Wanted is waited for.
func (l *Life) Doubted() bool { return l.doubted }

// holdsBack reports whether a task must not be started yet: it is not known to be wanted
// (what a poststop task does is part of the end), or has nowhere to run.
func (l *Life) holdsBack(t *task) bool {
	return l.doubted && t.spec.Role != Poststop || !l.siteReady()
}

func (Abandon) apply(l *Life, now time.Time) { l.endAll(CauseContact, now) }

// apply ends the tasks without the delays that they may ask for: each is time in which the
// disk fills on.
func (e Overfull) apply(l *Life, now time.Time) {
	if l.rec.Ending != CauseNone || l.tasksEnded() {
		return
	}
	for _, t := range l.tasks {
		if t.Phase != PhaseDead && t.spec.Role != Poststop {
			t.note(overfull(e, now))
			t.State.Failed = true
		}
	}
	l.rec.NoDelay, l.rec.NoPoststop = true, true
	l.endAll(CauseDisk, now)
}

// Limited reports whether it matters how much of the disk the allocation takes: it has
// begun, and is not ending anyway.
func (l *Life) Limited() bool { return l.rec.Begun && l.rec.Ending == CauseNone && !l.tasksEnded() }

func (Wanted) apply(l *Life, now time.Time) {
	if !l.doubted {
		return
	}
	l.doubted = false
	l.startDue(now)
}
