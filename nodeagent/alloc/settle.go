package alloc

import "time"

// settle looks at the whole allocation and does what is due, however it came about:
// it ends all tasks if one reason for that holds, ends those that are to end, and
// starts those whose turn has come.
func (l *Life) settle(now time.Time) {
	if cause := l.cause(); cause != CauseNone {
		l.endAll(cause, now)
	}
	if l.overrun(now) {
		l.rec.NoPoststop = true
		l.endAll(CauseOverrun, now)
	}
	if l.rec.Ending != CauseNone {
		l.killDue(now)
	}
	l.settleSite()
	if !l.rec.Begun || l.rewinding() {
		return
	}
	for _, t := range l.tasks {
		if t.Phase == PhaseWaiting && l.turnOf(t.spec.Role) && !l.holdsBack(t) {
			t.note(buildingDir(now))
			l.start(t)
		}
	}
}

// cause returns why all tasks must end by themselves, if they must.
func (l *Life) cause() Cause {
	var failed, leaderDead, mainLive, otherLive, sidecarLive bool
	for _, t := range l.tasks {
		if t.spec.Role == Poststop {
			continue
		}
		dead := t.Phase == PhaseDead
		switch {
		case dead && t.State.Failed:
			failed = true
		case dead && t.spec.Leader:
			leaderDead = true
		case !dead && t.spec.Role == Main:
			mainLive = true
		case !dead && t.spec.Role.Sidecar():
			sidecarLive = true
		case !dead:
			otherLive = true
		}
	}
	switch {
	case leaderDead:
		return CauseLeader
	case failed:
		return CauseSibling
	case sidecarLive && !mainLive && !otherLive:
		return CauseMain
	}
	return CauseNone
}

// endAll notes that all tasks are to end. The first cause stays.
func (l *Life) endAll(cause Cause, now time.Time) {
	if l.rec.Ending != CauseNone {
		return
	}
	l.rec.Ending = cause
	l.rec.EndAt = now
	failed := l.failedTask()
	delay := false
	for _, t := range l.tasks {
		if t.spec.Role == Poststop || t.Phase == PhaseDead {
			continue
		}
		delay = delay || t.Phase == PhaseRunning
		switch cause {
		case CauseSibling:
			t.note(siblingFailed(failed, now))
		case CauseLeader:
			t.note(leaderDead(now))
		case CauseMain:
			t.note(mainTasksDead(now))
		case CauseOverrun:
			t.note(overrun(l.spec.MaxRun, now))
		case CauseContact:
			t.note(outOfContact(l.spec.StopAfter, now))
		}
	}
	if delay && l.spec.ShutdownDelay > 0 && !l.rec.NoDelay {
		l.rec.EndAt = now.Add(l.spec.ShutdownDelay)
		l.do(SetTimer{At: l.rec.EndAt})
	}
}

func (l *Life) failedTask() string {
	for _, t := range l.tasks {
		if t.State.Failed {
			return t.spec.Name
		}
	}
	return ""
}

// killDue ends the tasks that are to end: the leader first, then the others.
// Poststop tasks still have their turn, unless nothing has ever been started.
func (l *Life) killDue(now time.Time) {
	if l.rec.EndAt.After(now) {
		for _, t := range l.tasks { // what does not run needs no delay
			if t.spec.Role != Poststop && t.Phase != PhaseRunning && t.Phase != PhaseStopping {
				l.kill(t, now)
			}
		}
		return
	}
	for _, t := range l.tasks {
		if t.spec.Leader && t.Phase != PhaseDead {
			l.kill(t, now)
			if t.Phase != PhaseDead {
				return
			}
		}
	}
	for _, t := range l.tasks {
		if t.spec.Role != Poststop || l.rec.NoPoststop || !l.everStarted() {
			l.kill(t, now)
		}
	}
}

func (l *Life) everStarted() bool {
	for _, t := range l.tasks {
		if t.Attempt > 0 {
			return true
		}
	}
	return false
}

// turnOf reports whether tasks of the role may start.
func (l *Life) turnOf(r Role) bool {
	if r == Poststop {
		return l.all(func(t *task) bool { return t.spec.Role == Poststop || t.Phase == PhaseDead })
	}
	if l.rec.Ending != CauseNone {
		return false
	}
	switch r {
	case Main:
		return l.all(func(t *task) bool {
			switch t.spec.Role {
			case Prestart:
				return t.Phase == PhaseDead && !t.State.Failed
			case PrestartSidecar:
				return t.State.StartedAt != nil
			}
			return true
		})
	case Poststart, PoststartSidecar:
		return l.all(func(t *task) bool { return t.spec.Role != Main || t.State.StartedAt != nil })
	}
	return true
}

func (l *Life) all(f func(*task) bool) bool {
	for _, t := range l.tasks {
		if !f(t) {
			return false
		}
	}
	return true
}
