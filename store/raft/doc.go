// Package raft is the replicated store: transactions go through a raft log, and are
// applied on every replica to Pebble and to the tables in memory (package fsm). It is
// the only user of Dragonboat.
//
//	s, err := raft.Open(raft.Options{
//		DataDir:     "/var/lib/drover/server",
//		ServerID:    id,
//		ReplicaID:   1,
//		RaftAddress: "10.0.0.1:4649",
//		InitialMembers: map[uint64]raft.Member{
//			1: {ServerID: id, Address: "10.0.0.1:4649"}, …
//		},
//		Log: log,
//	})
//	defer s.Close()
//
// Without a RaftAddress the replica is alone for good: it listens on no port and leads
// within some 50 ms of being opened. Open does not wait for a leader; Apply and Sync do.
//
// # Writing
//
// Apply may be called on any replica. A few proposers each put into one log entry
// whatever has been queued while the entries before were on their way (group commit):
// alone, a transaction goes at once; under load, hundreds share the cost of one sync to
// disk. They share nothing else: each is applied whole or not at all, judged by its own
// conditions, at its own index. The store's index is counted by the state machine and is
// not the raft index.
//
// Objects are encoded once, by the caller's goroutine, which also decodes them
// again: these fresh copies become the ones that this replica's readers share. The
// caller's objects stay its own.
//
// # Reading
//
// Snapshot is what this replica has applied. Sync asks the leader how far the log is
// committed (read index) and waits until that is applied here.
//
// # Failure
//
// An acknowledged transaction is in the synced logs of a majority. A replica whose disk
// fails ends its process, because it could not keep what it promises, and starts again
// from its log: nothing acknowledged is lost. For the state it says why (Options.Fatal);
// when it is the raft log that can't be written, Dragonboat panics with the cause. A disk
// that fills up does not come to that: Apply refuses with ErrDiskFull while less than
// Options.MinFreeBytes is left, and reads go on.
//
// A leader that dies takes with it entries that others have sent it. They are proposed
// again to the next one, and marked so that they have one effect (fsm.Header): Apply
// takes longer then, but does not fail.
package raft
