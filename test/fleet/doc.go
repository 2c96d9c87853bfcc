// Package fleet simulates nodes: each holds a real session with a server, says what
// it has, and answers every allocation that it is given as a node agent would, but
// runs nothing. Thousands of them fit into a process.
//
//	f := fleet.New(fleet.Options{Servers: []string{"127.0.0.1:4647"}, Nodes: 500})
//	f.Run(ctx) // until ctx is cancelled
//
// The tasks of batch jobs end by themselves: after the time that their config block
// gives as run_for, or else Options.RunFor. Lose takes nodes away as if their machines
// had lost power, Fail has a task end with an error.
package fleet
