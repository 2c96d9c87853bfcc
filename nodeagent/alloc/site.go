package alloc

import (
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
)

// Site is what the tasks of an allocation share, and what is made for them together:
// their network. It is made before the first task starts, is kept while tasks restart
// and agents come and go, and is cleared when all tasks have ended and their drivers
// have nothing left of them. Only allocations whose Spec says so have one.
type Site struct {
	Network driver.Network          `json:",omitzero"`
	Status  *api.AllocNetworkStatus `json:",omitempty"`
}

// sitePhase is where a site is in its life, and what is certain about it after a crash:
// in siteMaking some of it may be there, or all; in siteClearing something may be left.
type sitePhase string

const (
	siteNone     sitePhase = ""
	siteMaking   sitePhase = "making" // it is being made, or looked for after a restart
	siteMade     sitePhase = "made"
	siteClearing sitePhase = "clearing"
	siteCleared  sitePhase = "cleared"
)

// siteRecord is what of a site is kept on disk.
type siteRecord struct {
	Phase sitePhase `json:",omitempty"`
	Site  Site      `json:",omitzero"` // as it was made last
}

// Events and actions of a site.
type (
	// MakeSite: make the site, or find that it is there and whole; answer SiteMade or
	// SiteFailed.
	MakeSite struct{}
	// AbortSite: the site that is being made is not wanted any more; answer the MakeSite
	// soon, one way or the other. It is not queued behind it.
	AbortSite struct{}
	// ClearSite: remove everything of the site; answer SiteCleared.
	ClearSite struct{}
	// SiteMade says that the site is there.
	SiteMade struct{ Site Site }
	// SiteFailed says that it could not be made. Something of it may be there.
	SiteFailed struct{ Message string }
	// SiteCleared says that nothing is left of it.
	SiteCleared struct{}
)

// Early implements Action.
func (MakeSite) Early() bool { return false }

// Early implements Action.
func (AbortSite) Early() bool { return true }

// Early implements Action.
func (ClearSite) Early() bool { return false }

// About implements Action.
func (MakeSite) About() string { return "" }

// About implements Action.
func (AbortSite) About() string { return "" }

// About implements Action.
func (ClearSite) About() string { return "" }

// Site returns what the tasks share, as it was made last.
func (l *Life) Site() Site { return l.rec.Site.Site }

// siteReady reports whether tasks may start, as far as the site goes.
func (l *Life) siteReady() bool { return !l.spec.Site || l.rec.Site.Phase == siteMade }

// siteOver reports whether nothing of a site is there, nor will be.
func (l *Life) siteOver() bool {
	return l.rec.Site.Phase == siteNone || l.rec.Site.Phase == siteCleared
}

// doubtSite has a restored site looked for before anything starts in it: the machine
// may have been restarted.
func (l *Life) doubtSite() {
	switch l.rec.Site.Phase {
	case siteMade:
		l.rec.Site.Phase = siteMaking
	case siteClearing:
		l.do(ClearSite{})
	}
}

// settleSite makes the site when a task is to start, and clears it when all have ended.
func (l *Life) settleSite() {
	s := &l.rec.Site
	switch {
	case l.making && l.tasksEnded():
		if !l.siteAborted {
			l.siteAborted = true
			l.do(AbortSite{})
		}
	case l.making || s.Phase == siteClearing || s.Phase == siteCleared:
	case l.tasksEnded():
		if s.Phase != siteNone && l.forgotten() {
			s.Phase = siteClearing
			l.do(ClearSite{})
		}
	case l.spec.Site && l.rec.Begun && s.Phase != siteMade && (!l.doubted || l.rec.Ending != CauseNone):
		s.Phase = siteMaking
		l.making, l.siteAborted = true, false
		l.do(MakeSite{})
	}
}

// tasksEnded reports whether every task has ended for good.
func (l *Life) tasksEnded() bool {
	return l.all(func(t *task) bool { return t.Phase == PhaseDead })
}

// forgotten reports whether drivers have nothing left of ended tasks, or can't get rid
// of it.
func (l *Life) forgotten() bool {
	return l.all(func(t *task) bool { return len(t.Leftover) == 0 || t.stuck })
}

func (e SiteMade) apply(l *Life, now time.Time) {
	if !l.making {
		return
	}
	l.making = false
	l.rec.Site = siteRecord{Phase: siteMade, Site: e.Site}
	l.startDue(now)
}

func (e SiteFailed) apply(l *Life, now time.Time) {
	if !l.making {
		return
	}
	l.making = false
	l.rec.NoPoststop = true // there is nowhere to run them
	if l.rec.Ending != CauseNone {
		return
	}
	failed := StartFailed{Stage: StageSetup, Message: e.Message}
	for _, t := range l.tasks {
		if t.Phase == PhaseDead {
			continue
		}
		t.note(startFailure(failed, now))
		t.State.Failed = true
		if t.Phase == PhaseWaiting || t.Phase == PhaseBackoff {
			l.finish(t, now)
		}
	}
	l.endAll(CauseSite, now)
}

func (SiteCleared) apply(l *Life, _ time.Time) {
	if l.rec.Site.Phase == siteClearing {
		l.rec.Site.Phase = siteCleared
	}
}

// startDue starts the tasks that waited for longer than their delay.
func (l *Life) startDue(now time.Time) {
	for _, t := range l.tasks {
		if t.Phase == PhaseBackoff && !t.Wake.After(now) {
			l.start(t)
		}
	}
}
