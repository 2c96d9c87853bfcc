// Package fleet simulates nodes: each holds a real session with a server, says what
// it has, and answers every allocation that it is given as a node agent would, but
// runs nothing. Thousands of them fit into a process.
//
//	f := fleet.New(fleet.Options{Servers: []string{"127.0.0.1:4647"}, Nodes: 500})
//	err := f.Run(ctx) // until ctx is cancelled
package fleet
