// Package nodeagent is the node role: it keeps the processes of its machine to what
// the servers want of it, and tells them how that goes.
//
//	agent, err := nodeagent.New(nodeagent.Options{DataDir: dir, Servers: addrs, Drivers: list, …})
//	…
//	err = agent.Start(ctx) // blocks until ctx is cancelled
//
// It has four parts. The connector holds the session with a server: it says what the
// node is, hands on what should run and takes back what is reported (session.go). The
// worker holds the set of allocations against the one that the servers want
// (worker.go). A runner carries out one allocation's life, which package alloc
// decides (runner.go, actions.go). The reporter keeps the newest status of each
// allocation until a server has it (reporter.go).
//
// # Dying
//
// The agent may be killed at any moment. Its tasks run on, held by their drivers, and
// the next agent on the same data directory picks each up by its handle: a task that
// runs is watched again, one that ended meanwhile is reported with its real exit
// code, one that is gone (the machine was restarted) is started again by its restart
// policy, and one whose start was underway is looked for before it is started again.
// An orderly end is no different: tasks run on, so that an agent can be upgraded
// under them. Only with Options.StopTasks are they ended with it.
//
// # What tasks share
//
// What the tasks of an allocation share, their network, is its site (alloc.Site): made by
// the hooks of package hook for allocations (hook.Alloc) before the first task starts, and
// cleared when all have ended. An agent that is started looks for it before it starts
// anything in it, and removes what is there of allocations that nobody knows any more
// (sites.go).
//
// # Without a data directory
//
// An agent without Options.DataDir keeps nothing on disk and makes no directories for
// tasks: what a simulated node of a large fleet needs.
package nodeagent
