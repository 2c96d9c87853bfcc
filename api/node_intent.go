package api

import (
	"maps"
	"slices"
	"time"
)

// Statuses of DrainMetadata.
const (
	DrainDraining = "draining"
	DrainComplete = "complete"
	DrainCanceled = "canceled"
)

// Subsystems of node events.
const (
	NodeEventCluster = "Cluster"
	NodeEventDrain   = "Drain"
)

// What the events of a NodeIntent say.
const (
	eventEligible      = "Node marked as eligible for scheduling"
	eventIneligible    = "Node marked as ineligible for scheduling"
	eventDrainSet      = "Node drain strategy set"
	eventDrainUpdated  = "Node drain strategy updated"
	eventDrainDisabled = "Node drain disabled"
	eventDrainComplete = "Node drain complete"
)

// NoAccessor stands for who drained a node while access is not controlled.
const NoAccessor = "token:acls-disabled"

// NodeIntent is what operators want of a node. A node without one is eligible. It is
// changed by the methods below, which return what it becomes and record an event.
type NodeIntent struct {
	ObjectMeta    `msg:"-"`
	NodeID        string
	Eligibility   string
	DrainStrategy *DrainStrategy // nil: it is not being drained
	LastDrain     *DrainMetadata
	UpdatedAt     int64        // Unix nanoseconds
	Events        []*NodeEvent // what was asked of the node and came of it; latest last, at most MaxNodeEvents
}

// Key implements Object.
func (n *NodeIntent) Key() Key {
	if n == nil {
		return Key{Kind: KindNodeIntent}
	}
	return Key{Kind: KindNodeIntent, ID: n.NodeID}
}

// DrainSpec is how an operator wants a node to be emptied.
type DrainSpec struct {
	// Deadline is how long instances may take to leave. 0: as long as they need;
	// negative: none at all.
	Deadline         time.Duration
	IgnoreSystemJobs bool // those of system jobs stay
}

// DrainStrategy says how a node is being emptied.
type DrainStrategy struct {
	Deadline         time.Duration
	IgnoreSystemJobs bool
	ForceDeadline    time.Time // when all that is left has to go; zero: never
	StartedAt        time.Time
}

// Due reports whether all that is left on the node has to go now.
func (d *DrainStrategy) Due(now time.Time) bool {
	return d.Deadline < 0 || !d.ForceDeadline.IsZero() && !d.ForceDeadline.After(now)
}

// DrainMetadata is the record of the last drain of a node. Its times are whole seconds.
type DrainMetadata struct {
	StartedAt  time.Time
	UpdatedAt  time.Time
	Status     string // draining, complete or canceled
	AccessorID string
	Meta       map[string]string
}

// Draining reports whether the node is being emptied; n may be nil.
func (n *NodeIntent) Draining() bool { return n != nil && n.DrainStrategy != nil }

// WithEligibility returns the intent of a node that takes allocations, or no more.
func (n *NodeIntent) WithEligibility(eligibility string, now time.Time) *NodeIntent {
	next := n.next(now)
	next.Eligibility = eligibility
	if n.LastDrain != nil && n.LastDrain.Meta[comesBack] != "" { // somebody has decided since
		last := *n.LastDrain
		last.Meta = maps.Clone(last.Meta)
		delete(last.Meta, comesBack)
		next.LastDrain = &last
	}
	message := eventEligible
	if eligibility == NodeIneligible {
		message = eventIneligible
	}
	next.record(n, NodeEventCluster, message, nil, now)
	return next
}

// WithDrain returns the intent of a node that is to be emptied. If it is being emptied
// already, that goes on by the new spec. Without meta, that of the drain stays.
func (n *NodeIntent) WithDrain(spec DrainSpec, accessor string, meta map[string]string, now time.Time) *NodeIntent {
	next := n.next(now)
	next.Eligibility = NodeIneligible
	d := &DrainStrategy{Deadline: spec.Deadline, IgnoreSystemJobs: spec.IgnoreSystemJobs, StartedAt: now.UTC()}
	last := &DrainMetadata{StartedAt: seconds(now)}
	message := eventDrainSet
	if n.Draining() {
		d.StartedAt, message = n.DrainStrategy.StartedAt, eventDrainUpdated
		if n.LastDrain != nil {
			*last = *n.LastDrain
		}
	}
	if spec.Deadline > 0 {
		d.ForceDeadline = now.UTC().Add(spec.Deadline)
	}
	last.Status, last.UpdatedAt, last.AccessorID = DrainDraining, seconds(now), accessor
	if len(meta) > 0 {
		last.Meta = meta
	}
	next.DrainStrategy, next.LastDrain = d, last
	next.record(n, NodeEventDrain, message, nil, now)
	return next
}

// Meta of a drain that the node's own agent has asked for.
const (
	drainMessage = "message"
	leaving      = "shutting down"
	// comesBack says that the node is to take allocations again when its agent is back.
	comesBack = "eligible_on_return"
)

// Leaving returns the intent of a node whose agent is about to end and wants it emptied
// before. A drain that goes on, goes on.
func (n *NodeIntent) Leaving(spec DrainSpec, now time.Time) *NodeIntent {
	if n.Draining() || n.left() {
		return n
	}
	meta := map[string]string{drainMessage: leaving}
	if n.Eligibility != NodeIneligible {
		meta[comesBack] = "true"
	}
	return n.WithDrain(spec, "", meta, now)
}

// left reports whether the node takes no allocations because its agent has left.
func (n *NodeIntent) left() bool {
	return n.Eligibility == NodeIneligible && n.LastDrain != nil && n.LastDrain.Meta[comesBack] != "" && n.LastDrain.Status != DrainCanceled
}

// Returned returns the intent of a node whose agent is there: if that had left, the drain
// is over and the node takes allocations again.
func (n *NodeIntent) Returned(now time.Time) *NodeIntent {
	if !n.left() {
		return n
	}
	next := n
	if n.Draining() {
		next = n.WithoutDrain("", nil, now)
	}
	return next.WithEligibility(NodeEligible, now)
}

// WithoutDrain returns the intent of a node whose drain was cancelled. accessor and
// meta may be empty. Its eligibility stays.
func (n *NodeIntent) WithoutDrain(accessor string, meta map[string]string, now time.Time) *NodeIntent {
	next := n.ended(DrainCanceled, now)
	if accessor != "" {
		next.LastDrain.AccessorID = accessor
	}
	if len(meta) > 0 {
		next.LastDrain.Meta = meta
	}
	next.record(n, NodeEventDrain, eventDrainDisabled, nil, now)
	return next
}

// Drained returns the intent of a node that has been emptied. It stays ineligible.
func (n *NodeIntent) Drained(now time.Time) *NodeIntent {
	var details map[string]string
	if n.DrainStrategy.Due(now) {
		details = map[string]string{"deadline_reached": "true"}
	}
	next := n.ended(DrainComplete, now)
	next.record(n, NodeEventDrain, eventDrainComplete, details, now)
	return next
}

// ended returns the intent without its drain, which is recorded as over.
func (n *NodeIntent) ended(status string, now time.Time) *NodeIntent {
	next := n.next(now)
	last := DrainMetadata{StartedAt: seconds(n.DrainStrategy.StartedAt)}
	if n.LastDrain != nil {
		last = *n.LastDrain
	}
	last.Status, last.UpdatedAt = status, seconds(now)
	next.DrainStrategy, next.LastDrain = nil, &last
	return next
}

func (n *NodeIntent) next(now time.Time) *NodeIntent {
	next := *n
	next.UpdatedAt = now.UnixNano()
	return &next
}

// record adds an event. Every write of an intent adds some, so those of the last write
// get the index at which that was made.
func (n *NodeIntent) record(before *NodeIntent, subsystem, message string, details map[string]string, now time.Time) {
	n.Events = append(before.events(), &NodeEvent{
		Message: message, Subsystem: subsystem, Details: details, Timestamp: now.UTC(),
	})
	if over := len(n.Events) - MaxNodeEvents; over > 0 {
		n.Events = n.Events[over:]
	}
}

// events returns the events of a stored intent with the indexes at which they were
// written.
func (n *NodeIntent) events() []*NodeEvent {
	out := slices.Clone(n.Events)
	for i, e := range out {
		if e.CreateIndex == 0 && n.ModifyIndex != 0 {
			indexed := *e
			indexed.CreateIndex = n.ModifyIndex
			out[i] = &indexed
		}
	}
	return out
}

// joinEvents returns the events of a node in the order of time, at most MaxNodeEvents.
// Both arguments may be nil.
func joinEvents(intent *NodeIntent, status *NodeStatus) []*NodeEvent {
	var out []*NodeEvent
	if status != nil {
		out = status.Events
	}
	if intent != nil && len(intent.Events) > 0 {
		out = append(slices.Clone(out), intent.events()...)
		slices.SortStableFunc(out, func(a, b *NodeEvent) int { return a.Timestamp.Compare(b.Timestamp) })
	}
	if over := len(out) - MaxNodeEvents; over > 0 {
		out = out[over:]
	}
	return out
}

// seconds returns a time as the record of a drain has it.
func seconds(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }
