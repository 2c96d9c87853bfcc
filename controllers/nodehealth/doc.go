// Package nodehealth is the controller that concludes from sessions whether nodes
// are there. It is the only writer of NodeStatus.
//
// A node agent holds a session with one of the servers. That server writes the
// NodeSession when the session is gained or lost, and nothing in between. This
// controller judges, for one node:
//
//	initializing   registered, but no session was seen yet
//	ready          its session stands, or was lost less than the grace ago
//	disconnected   its session has been lost for longer, or it said goodbye, and something
//	               on it may come back (lost_after in the disconnect block of its group)
//	down           the same, and nothing may, or not any more
//
// A short loss of the session (a restart of the agent or of a server, a bad network)
// so changes nothing. The moves are in the table of transition (plan.go); each adds
// an event to the node. What a down node means for what runs there is the business of
// the allocation and job controllers.
//
// The grace is counted from NodeSession.Since, by the clock of the server that held
// the session, so it goes on counting when leadership moves; so does the time for which
// a node is disconnected, which begins at NodeStatus.UpdatedAt.
package nodehealth
