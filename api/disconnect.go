package api

import "time"

// What a DisconnectStrategy says to Reconcile with: which of an instance and its
// replacement stays when the node of the first comes back.
const (
	ReconcileKeepOriginal    = "keep_original"
	ReconcileKeepReplacement = "keep_replacement"
	ReconcileBestScore       = "best_score"      // the one whose node was the better choice; the default
	ReconcileLongestRunning  = "longest_running" // the one whose tasks have run for longer without a break
)

// LostAfter returns how long an instance of the group may be unknown, its node being
// out of contact, before it is lost. 0: it is lost at once. A nil group has no wishes.
func (g *TaskGroup) LostAfter() time.Duration {
	if g == nil || g.Disconnect == nil {
		return 0
	}
	return Deref(g.Disconnect.LostAfter)
}

// StopOnClientAfter returns how long a node agent out of contact lets an instance of
// the group run. 0: for as long as it likes.
func (g *TaskGroup) StopOnClientAfter() time.Duration {
	if g == nil || g.Disconnect == nil {
		return 0
	}
	return Deref(g.Disconnect.StopOnClientAfter)
}

// ReplacesDisconnected reports whether an instance is replaced while it is unknown.
func (g *TaskGroup) ReplacesDisconnected() bool {
	return g == nil || g.Disconnect == nil || g.Disconnect.Replace == nil || *g.Disconnect.Replace
}

// ReconcilesBy returns which of an instance that comes back and its replacement stays.
func (g *TaskGroup) ReconcilesBy() string {
	if g == nil || g.Disconnect == nil || Deref(g.Disconnect.Reconcile) == "" {
		return ReconcileBestScore
	}
	return *g.Disconnect.Reconcile
}

// slackOfContact is how much later than a server a node agent may notice that nothing is
// heard any more: as long as the timeout of a session may be (see package session).
const slackOfContact = 15 * time.Second

// stoppedOnClient returns after how long, at most, an instance has been stopped by its
// node agent that is out of contact; 0: it is not.
func (g *TaskGroup) stoppedOnClient() time.Duration {
	d := g.StopOnClientAfter()
	if d <= 0 {
		return 0
	}
	var ending time.Duration
	for _, t := range g.Tasks {
		ending = max(ending, Deref(t.KillTimeout)+t.ShutdownDelay)
	}
	return d + slackOfContact + ending + Deref(g.ShutdownDelay)
}

// UnknownFor returns how long an instance of the group is unknown before it is lost,
// once its node is out of contact. 0 and true: for as long as nothing is heard of the
// node. False: not at all. One that its node agent stops by itself is unknown until that
// has happened, so that there are never two.
func (g *TaskGroup) UnknownFor() (d time.Duration, ok bool) {
	d = max(g.LostAfter(), g.stoppedOnClient())
	return d, d > 0 || !g.ReplacesDisconnected()
}

// AwaitsDisconnected reports whether an instance that is unknown keeps its place, so
// that no other takes it before it is lost.
func (g *TaskGroup) AwaitsDisconnected() bool {
	return !g.ReplacesDisconnected() || g.StopOnClientAfter() > 0
}
