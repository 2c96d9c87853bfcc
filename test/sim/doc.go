// Package sim simulates whole clusters in virtual time and checks, after every
// transaction and whenever nothing is left to do, that what must hold does: with all
// controllers, whatever users, nodes, tasks and servers do, and whenever they do it.
//
// A history is a list of ops, made from a seed (generator.go). A World (world.go) makes
// them happen in one goroutine: users ask the real HTTP API (users.go); the controllers
// of the leader run pass by pass (reconcile.Stepper) over store/mem; simulated node
// agents (fleet.go, agent.go, checks.go) live the lives that packages nodeagent/alloc and
// nodeagent/checks decide. What
// happens next of all that could is chosen by the seed of the op that goes on: which
// controller makes a pass, whose report comes first, what is written between a pass's
// reading and its writing (stores.go), and where the leader dies. So a history happens
// the same way each time.
//
// What must hold is in invariants.go, a function for each, and what is wrong if it does
// not in wrongs_test.go; at rest (rest.go) also that
// what is wanted is there, that a new leader finds nothing to do, and that in the end
// nothing is left. A history in which something breaks is shrunk (shrink.go) and printed
// with all that happened in it and how to replay it:
//
//	make sim                                     # other seeds, for as long as SIM says
//	go test ./test/sim -sim.seed=7 -sim.steps=1 -sim.stride=2  # one history
//	go test ./test/sim -run TestReplay -v -sim.history=FILE
//
// Histories that once broke something are kept in testdata.
package sim
