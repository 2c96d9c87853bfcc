// Package sessions is the servers' end of node sessions: it registers the nodes
// that connect, pushes to each what should run on it, and takes the statuses of
// allocations into the store.
//
// A Hub is the sessions of one server. It writes to the store when a session is
// gained or lost (NodeSession), when a node's facts change (Node) and when
// allocations change (AllocationStatus); a node that only stays connected costs no
// write at all. Whether a node that lost its session is down is for the node-health
// controller to say.
//
// One reader of the change feed serves all sessions: it drops each changed
// allocation into its node's outbox, where a newer state replaces an older one, so
// that a slow agent costs memory for the allocations on it and no more.
package sessions
