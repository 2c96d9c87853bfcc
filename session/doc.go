// Package session is the protocol between a node agent and a server.
//
// An agent keeps one TCP connection to any server. It opens with a short preface
// (so that whoever dials the wrong port is told so) and is then multiplexed with
// yamux. The agent opens the first stream, the control stream, on which both sides
// send Frames: the agent its facts and the statuses of its allocations, the server
// what should run (everything at first, then what changes). The server opens further
// streams whenever it needs logs, files or figures of the node, and speaks plain
// HTTP/1.1 on them: an agent needs no open port. The agent does the same towards the
// server, to read of the cluster what the templates of its tasks ask for.
//
//	conn, err := session.Dial(ctx, "10.0.0.1:4647")
//	…
//	err = conn.Send(ctx, &session.Frame{Hello: &session.Hello{Version: session.Version, Node: facts}})
//	frame, err := conn.Recv(ctx) // Welcome or Refused
//	go conn.ServeHTTP(ctx, agent.Handler())
//
// Nothing is sent while nothing changes, but for the server's question whether the agent
// is still there, and the answer to it. By these both sides notice that the other is gone:
// who hears nothing for as long as the session's timeout ends it.
package session

//go:generate msgp -o codec_gen.go -file messages.go -io=false -tests=false
