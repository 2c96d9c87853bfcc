// Command c2m loads a real server with a large simulated fleet and says what it costs.
// It starts the built server on a data directory of its own (so that every commit is
// synced to a disk), a few processes of test/fleet that hold the nodes' sessions, submits
// jobs over HTTP, and prints figures of each of its scenes:
//
//	make bench-c2m                                      # 2,000,000 on 6,100 nodes, then the rest
//	make bench-c2m NODES=610 ALLOCS=100000 JOBS=20      # small
//	make bench-c2m SCENES=place,loss                    # some of them
//
// On one fleet, one after the other:
//
//	place     ALLOCS instances of JOBS jobs, until all are stored as running
//	loss      5 % of the nodes vanish, and all that they ran runs elsewhere
//	rollout   a job of 10,000 goes on to its next version
//	drain     100 nodes are emptied
//	batch     1,000 jobs a minute come, run and go, for BATCH=10m
//
// An operator's requests are made and timed all the while: job status, plan, the event
// stream. On small fleets of their own:
//
//	backlog   a batch group of 50,000 over room for 160
//	groups    a job of 4,000 groups
//	children  100,000 dispatched children
//	waiting   what a backlog costs that finds no room, while nothing changes
//	change    the cost of one instance's failure in jobs of 1,000, 10,000 and 100,000
//
// Linux only: memory and CPU time are read from /proc.
package main
