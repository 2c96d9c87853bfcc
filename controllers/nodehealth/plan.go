package nodehealth

import (
	"time"

	"github.com/droverhq/drover/api"
)

// contact is how a node's session stands.
type contact uint8

const (
	never     contact = iota // no session was seen, and the grace since registration has not passed
	connected                // it stands
	wavering                 // lost, less than the grace ago
	lost                     // lost for longer, or never there
	departed                 // the agent said goodbye
)

// judge says how a session stands, and, while that can change by time alone, for how
// long. begin is when the node was first seen.
func judge(session *api.NodeSession, begin, now time.Time, grace time.Duration) (contact, time.Duration) {
	since, while := begin, never
	switch {
	case session == nil:
	case session.Connected:
		return connected, 0
	case session.Graceful:
		return departed, 0
	default:
		since, while = time.Unix(0, session.Since), wavering
	}
	if left := since.Add(grace).Sub(now); left > 0 {
		return while, left
	}
	return lost, 0
}

// Events of a node.
const (
	eventRegistered   = "Node registered"
	eventMissed       = "Node heartbeat missed"
	eventReregistered = "Node reregistered by heartbeat"
	eventDeparted     = "Node agent shut down"
	eventDisconnected = "Node disconnected: heartbeat missed, and what runs on it may come back"
	eventGivenUp      = "Node given up: what could have come back is lost"

	eventSubsystem = "Cluster"
)

// transition says what status a node moves to next from one, by its contact and by
// whether something on it may come back, and the event of the move. The empty status
// is that of a node that has none yet. It stays where it is (from is returned) when
// that is right.
func transition(from string, c contact, awaited bool) (to, event string) {
	gone := c == lost || c == departed
	absent := from == api.NodeDown || from == api.NodeDisconnected
	switch {
	case from == "":
		return api.NodeInit, eventRegistered
	case absent && c == connected:
		return api.NodeReady, eventReregistered
	case c == connected:
		return api.NodeReady, ""
	case gone && from == api.NodeDisconnected && !awaited:
		return api.NodeDown, eventGivenUp
	case gone && !absent && awaited:
		return api.NodeDisconnected, eventDisconnected
	case c == lost && !absent:
		return api.NodeDown, eventMissed
	case c == departed && !absent:
		return api.NodeDown, eventDeparted
	}
	return from, ""
}

// sight is what a node is judged by.
type sight struct {
	node    *api.Node
	session *api.NodeSession // nil: none was ever seen
	status  *api.NodeStatus  // nil: it is judged for the first time
	// patience is how long something that runs on the node may be out of contact before
	// it is lost, the longest of all; 0: nothing may. It matters only without a session.
	patience time.Duration
}

// gone reports whether the node is given up, as far as its session tells.
func (s sight) gone(now time.Time, grace time.Duration) bool {
	c, _ := judge(s.session, now, now, grace)
	return c == lost || c == departed
}

// plan returns the next status of a node, or nil if its status is right, and when to
// judge again if only time passes.
func plan(s sight, now time.Time, grace time.Duration) (next *api.NodeStatus, again time.Duration) {
	next = &api.NodeStatus{NodeID: s.node.ID}
	begin := now
	if s.status != nil {
		*next = *s.status
		begin = time.Unix(0, s.status.UpdatedAt)
	}
	c, left := judge(s.session, begin, now, grace)
	changed := false
	for {
		patience := s.patience
		if next.Status == api.NodeDisconnected {
			patience = time.Unix(0, next.UpdatedAt).Add(s.patience).Sub(now)
			left = max(left, patience)
		}
		to, event := transition(next.Status, c, patience > 0)
		if to == next.Status {
			break
		}
		changed = true
		next.Status = to
		next.UpdatedAt = now.UnixNano()
		if event != "" {
			next.Events = appendEvent(next.Events, event, now)
		}
	}
	if !changed {
		return nil, left
	}
	if (next.Status == api.NodeDown || next.Status == api.NodeDisconnected) && s.session != nil {
		next.LastMissedIndex = s.session.ModifyIndex
	}
	return next, left
}

// appendEvent returns the latest events with one more.
func appendEvent(events []*api.NodeEvent, message string, now time.Time) []*api.NodeEvent {
	if over := len(events) + 1 - api.MaxNodeEvents; over > 0 {
		events = events[over:]
	}
	out := make([]*api.NodeEvent, 0, len(events)+1)
	out = append(out, events...)
	return append(out, &api.NodeEvent{Message: message, Subsystem: eventSubsystem, Timestamp: now.UTC()})
}
