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

	eventSubsystem = "Cluster"
)

// transition says what status a node moves to next from one, by its contact, and the
// event of the move. The empty status is that of a node that has none yet. It stays
// where it is (from is returned) when that is right.
func transition(from string, c contact) (to, event string) {
	switch {
	case from == "":
		return api.NodeInit, eventRegistered
	case from == api.NodeDown && c == connected:
		return api.NodeReady, eventReregistered
	case c == connected:
		return api.NodeReady, ""
	case from != api.NodeDown && c == lost:
		return api.NodeDown, eventMissed
	case from != api.NodeDown && c == departed:
		return api.NodeDown, eventDeparted
	}
	return from, ""
}

// plan returns the next status of a node, or nil if its status is right, and when to
// judge again if only time passes. session and status may be nil.
func plan(node *api.Node, session *api.NodeSession, status *api.NodeStatus, now time.Time, grace time.Duration) (next *api.NodeStatus, again time.Duration) {
	next = &api.NodeStatus{NodeID: node.ID}
	begin := now
	if status != nil {
		*next = *status
		begin = time.Unix(0, status.UpdatedAt)
	}
	c, left := judge(session, begin, now, grace)
	changed := false
	for {
		to, event := transition(next.Status, c)
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
	if next.Status == api.NodeDown && session != nil {
		next.LastMissedIndex = session.ModifyIndex
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
