// Package reconcile runs controllers over the object store: small programs that each
// compare, for one key at a time, what is wanted with what is, and write what is
// missing.
//
// # Level-triggered
//
// A controller is not told what happened. It is told a key, and looks at how things
// are now. Whoever writes one as a list of cases ("when an allocation fails …, when
// a node comes back …") has to think of every order in which things can happen and of
// every event that gets lost with a crash. Whoever writes it as a comparison ("the
// group wants five; three run, one has failed; so two are missing") does not: the
// same pass is right after an event, after ten of them, after none, and after a
// restart. So there is one path: a server that gains leadership enqueues every key,
// and there is no recovery code beside it. Losing an event costs time, never
// correctness.
//
// What that asks of a Reconciler:
//
//   - Read everything from one Client.Snapshot, decide with pure functions of what
//     was read and the time (Client.Now), write one transaction with Client.Apply,
//     and say in the Result when to look again if only time has to pass.
//   - Be idempotent: when all is as it should be, write nothing. A write wakes
//     whoever watches the kind, perhaps the controller itself.
//   - Put the ModifyIndex of what the decision hangs on into the transaction's
//     conditions, if others write it too. A conflict is not a failure: return it, and
//     the pass is made again at once with what is there now.
//   - Remember nothing that the store does not have. What is kept to be fast (an
//     index, say) must be makeable from a snapshot; it lasts for one term of
//     leadership, as the reconciler itself does.
//   - Never call another controller. Write objects; who cares is woken.
//
// # Parts
//
// A Builder declares a controller: its name, the kind that it is For, other kinds
// that wake it and which keys their changes concern (Owns, Watches), and the kinds
// that it Writes. The declaration is enforced: two controllers that write a kind
// exclusively can't be registered together, and a write of an undeclared kind is
// refused. It is documentation too: Manager.Graph, WriteGraph.
//
// A Manager runs the registered controllers while this server leads. It holds one
// change feed for all of them. Each has a queue in which a key stands once however
// often it was added, and is worked on by one worker at a time, so that a burst of
// ten thousand changes to the allocations of a job is one pass over the job. Failed
// passes are made again with growing delays; panics are caught.
//
// Every transaction of a controller carries the condition that this server still
// leads: that nobody has written the api.Leadership object since the term began. A
// server that was deposed and does not know it can't write.
//
// Manager.Status says how controllers do, and Manager.Key why one works on a key, or does
// not: drover operator controllers shows both.
//
// # Where it runs
//
// A Manager runs on a Replica. Inside a server that is its store; in a program outside of
// the servers it is a mirror of a part of it, fed from the HTTP API: package remote.
// Nothing of a controller changes.
//
// # Around it
//
// Package jobs makes the transactions by which a controller runs jobs of its own. Package
// reconciletest runs controllers over a store in memory in virtual time. `make
// controller` lays out a new one, and docs/writing-a-controller.md builds one from
// nothing; the examples below show each part by itself.
package reconcile
