package api

import "time"

//msgp:ignore DrainSpec NodeEligibilityRequest NodeDrainRequest NodeUpdateResponse NodeEvaluateResponse NodeServer
//msgp:ignore NodeMetaRequest NodeMeta

// NodeEligibilityRequest is the body of PUT /v1/node/ID/eligibility.
type NodeEligibilityRequest struct {
	NodeID      string
	Eligibility string
}

// NodeDrainRequest is the body of PUT /v1/node/ID/drain.
type NodeDrainRequest struct {
	NodeID       string            `json:",omitempty"`
	DrainSpec    *DrainSpec        // nil: the drain is cancelled
	MarkEligible bool              // with a cancelled drain: the node takes allocations again
	Meta         map[string]string `json:",omitempty"`
}

// NodeUpdateResponse is the answer to a change of a node's eligibility or drain.
type NodeUpdateResponse struct {
	EvalCreateIndex uint64
	EvalIDs         []string
	Index           uint64
	NodeModifyIndex uint64
}

// NodeEvaluateResponse is the answer to PUT /v1/node/ID/evaluate and /purge.
type NodeEvaluateResponse struct {
	NodeUpdateResponse
	Features              uint64
	HeartbeatTTL          time.Duration
	KnownLeader           bool
	LastContact           time.Duration
	LeaderRPCAddr         string
	NextToken             string
	NumNodes              int32
	SchedulingEligibility string
	Servers               []*NodeServer
	SignedIdentity        *string
}

// NodeServer is a server that a node agent may turn to.
type NodeServer struct {
	Datacenter       string
	RPCAdvertiseAddr string
	RPCMajorVersion  int32
	RPCMinorVersion  int32
}

// NodeMetaRequest is the body of POST /v1/client/metadata.
type NodeMetaRequest struct {
	NodeID string `json:",omitempty"`
	// Meta are the keys to change; null takes one out of the node's meta, also where
	// the configuration has it.
	Meta map[string]*string
}

// NodeMeta is the meta of a node and where it comes from.
type NodeMeta struct {
	Meta    map[string]string  // in effect: Dynamic over Static
	Dynamic map[string]*string // set through the API; null: taken out
	Static  map[string]string  // of the agent's configuration
}
