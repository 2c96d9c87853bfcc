// Package scheduler decides where instances of task groups go. It is a pure
// function of what it is told: no I/O, no clock, no goroutine, no randomness.
//
// A Fleet is nodes (SetNode), what is taken of them (SetAllocation), and nothing
// else. An Ask wants instances of a group; Place answers it with Placements, which
// the fleet takes into account at once, so that the caller may commit them while it
// asks for more, and gives back (GiveBack) if the commit fails. What can't
// be placed is explained.
//
//	fleet := scheduler.NewFleet()
//	fleet.SetNode(scheduler.NodeState{Node: node, Ready: true, Eligible: true})
//	placed, failure := fleet.Place(scheduler.Ask{Job: job, Group: group, Count: 3, IDs: ids})
//
// An answer is found in four steps, each in a file of its own.
//
//   - rule.go, survey.go: which nodes may take the group at all. Every rule is asked
//     once for each class of equal nodes (class.go), and for every node only if it
//     looks at what is unique to a node. A rule that excludes a node says why.
//   - place.go (judge): which of them can take an instance now: instances on a node
//     and on a value of a property (distinct.go), ports (portask.go), cores
//     (cores.go), devices (device.go, deviceoffer.go), CPU, memory, disk.
//   - score.go: how good each is. The score is the mean of the parts that count:
//     binpack = (20 − (10^freeCPU + 10^freeMemory)) / 18 always, which is ranked in steps
//     (policy.go), so that nodes run empty when work goes;
//     job-anti-affinity = −(instances of the group there + 1) / count, if there are any;
//     node-reschedule-penalty = −1, if an instance failed there before;
//     node-affinity = sum of weights met / sum of all, if the group has affinities;
//     numa-affinity = the part of the tasks that prefer one NUMA node and get one, if
//     there are such; devices = weights met / all, if devices have affinities;
//     allocation-spread, if the group has spreads and it is not 0.
//     The formulas, the names of the parts and the reasons are those of Nomad
//     (https://developer.hashicorp.com/nomad/docs/concepts/scheduling/scheduling), so
//     that what people know of its placement holds here. Unlike it, every node is
//     looked at, not a sample of them.
//   - candidate.go: the best, again and again. Placing an instance changes the score
//     of its node alone, so a heap finds the next in O(log nodes); what spreads add
//     is the same for all nodes of one value, so there is a heap for each.
//
// If no node has room, and Ask.Victims says who could go, preempt.go finds the node on
// which making room does least damage, and search.go the allocations there whose end
// does it: branch and bound, exact but on nodes with very many different allocations.
// They keep their room until they have ended; evict.go remembers them.
//
// Between nodes of equal score a hash of the node decides, and dynamic ports
// follow from a hash of the allocation's ID: equal fleets give equal answers, yet
// jobs spread over equal nodes and ports are not reused at once.
//
// tally.go counts what excluded or exhausted nodes; metrics of one answer share
// what is equal. ledger.go holds what allocations take, in about 90 bytes each.
// Clone is cheap: fleets share what neither has written since.
package scheduler
