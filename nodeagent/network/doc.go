// Package network makes the networks that allocations have to themselves: a network
// namespace that their tasks share, joined to the node's bridge or to a network of the
// operator's by CNI plugins, with ports of the node mapped into it.
//
//	manager := network.New(network.Options{Dir: dir, …})
//	site, err := manager.Make(ctx, network.Request{AllocID: id, Mode: "bridge", Ports: ports})
//	… // tasks run in site.Network.Namespace
//	err = manager.Remove(ctx, id)
//
// # Dying
//
// Make writes down what it is about to make, in Dir/ALLOCID, before it makes anything,
// and Remove forgets it when nothing is left. So whoever was killed in between left a
// record: Make finds what is whole and makes the rest anew, Remove removes what is
// there, and Sweep does it for allocations that nobody knows any more. An agent removes
// only what it has a record of, and so leaves alone what others on the machine have made.
//
// Plugins are programs that run on when the agent is killed. They hold the lock of the
// allocation's record (they inherit it, as do the programs that they run), so the next
// agent waits until they have done, and never undoes what is only half done.
package network
