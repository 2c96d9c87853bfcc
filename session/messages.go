package session

import (
	"time"

	"github.com/droverhq/drover/api"
)

// Version of the protocol. A server accepts agents of its own and the previous one.
const Version = 1

// Frame is what either side sends on the control stream: exactly one field is set.
type Frame struct {
	// From the agent.
	Hello    *Hello       `msg:"hello,omitempty"`
	Facts    *api.Node    `msg:"facts,omitempty"`    // the node's facts changed
	Statuses *StatusBatch `msg:"statuses,omitempty"` // allocation statuses that changed
	Leave    *Leave       `msg:"leave,omitempty"`    // the agent is about to stop: its node is to be drained
	Goodbye  *Goodbye     `msg:"goodbye,omitempty"`  // the agent stops in order
	// From the server.
	Welcome *Welcome   `msg:"welcome,omitempty"`
	Desired *Desired   `msg:"desired,omitempty"`
	Ack     *StatusAck `msg:"ack,omitempty"`
	Refused *Refused   `msg:"refused,omitempty"` // the session ends
}

// Hello opens a session. The server registers Node's facts, then answers Welcome
// and a full Desired, or Refused.
type Hello struct {
	Version int
	Node    *api.Node // with SecretID, which must match the one stored at first registration
}

// Welcome accepts a session.
type Welcome struct {
	ServerID  string
	SessionID string
	Servers   []string // session addresses of all servers, for the next connection
	// Timeout is how long either side may be silent before the other one ends the
	// session. 0: DefaultTimeout.
	Timeout time.Duration
}

// Refused says why a session can't be.
type Refused struct {
	Reason string
	Retry  bool // whether another try may be better
}

// Leave asks for the node to be drained, because its agent is about to end. When the
// agent is back, the node takes allocations again, if it did before.
type Leave struct {
	Deadline         time.Duration // as in api.DrainSpec
	IgnoreSystemJobs bool
}

// Goodbye ends a session in order.
type Goodbye struct{}

// Desired is what should run on the node. With Full it is everything: whatever the
// agent has besides is stopped and forgotten. Otherwise it is what changed.
type Desired struct {
	Index       uint64 // store index that this brings the agent to
	Full        bool
	Allocations []*api.Allocation
	// Ended are allocations of the node that have ended, as far as the store knows:
	// nothing to run, but their files are kept. Only with Full.
	Ended []string
	// Later are allocations that belong to the full set and follow in further frames:
	// neither stop nor start them yet. Only with Full.
	Later []string
	// Reported is the ModifyTime of the status that the store has, by allocation: the
	// agent reports again what is not the same. That may be older than what a server
	// acknowledged, if the state of the servers was restored from a snapshot. Only
	// with Full.
	Reported map[string]int64
	// Jobs are the job versions that the allocations of this frame should run.
	Jobs []*api.Job
	// Removed are allocations that the store no longer has: forget them, and their
	// files.
	Removed []string
}

// StatusBatch carries allocation statuses, newest state of each. The agent keeps
// them until the Ack of their Seq.
type StatusBatch struct {
	Seq      uint64
	Statuses []*api.AllocationStatus
}

// StatusAck says that a batch is committed in the store.
type StatusAck struct {
	Seq uint64
}
