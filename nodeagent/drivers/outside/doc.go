// Package outside makes task drivers of programs that speak the protocol of Nomad's
// driver plugins (see wire): gRPC, over a socket that the program names when it is
// started.
//
// Each program is a child of the node agent and ends with it. What it runs need not: a
// task is found again, by the next agent or when the program was started anew, by the
// handle that the program has made for it. What tasks say goes through pipes that a
// process of its own empties into their log files, and so does not need the agent either.
//
// The protocol has no way to ask what became of a start that nobody heard the answer
// of: if the agent is killed amid one, whatever the program has started by then is its
// own to find.
package outside
