// Package fsm is the state machine between the raft log and the disk: it applies
// committed entries, in order, to Pebble and to the tables in memory. It is the only
// user of Pebble, and knows nothing of raft but that entries have indexes.
//
// [Encode] turns a transaction into the bytes that go into the log; [AppendGroup] puts
// several into one entry, each of which still applies whole or not at all, at an index
// of its own. [Machine.Update] applies entries. What it does depends on the state and
// on the entries only, so that all replicas do the same:
//
//	m, err := fsm.Open(fsm.Options{Dir: dir})
//	p, err := fsm.Encode(txn)
//	entries := []fsm.Entry{{Index: 7, Cmd: fsm.AppendGroup(nil, token, p)}}
//	err = m.Update(entries)
//	outcomes, err := fsm.Outcomes(entries[0].Result, p)
//
// # What is on disk
//
// Under the keys of package keys: every object, in the bytes that its writer made, and
// one record with the raft index that was applied last, the store's own index and the
// current generation. An update writes the objects and the record in one batch: after
// a crash the disk holds the state as of some entry, Applied says which, and the log
// has the rest. Batches are not synced one by one (the log is); Sync does it, before the
// log is cut.
//
// # Generations
//
// All objects live under a generation number. A snapshot from another replica
// (Recover) and a backup (the Stage entries) are written under a new one, which
// becomes current, and the old one is dropped, in a single batch.
//
// # Failure
//
// A disk that does not take a write, or gives back something else than was written,
// leaves a replica that must not go on: Options.Fatal is called, and by default logs
// why and ends the process. Whatever was acknowledged is in the log, and is applied
// when the process starts again. Only a table that cannot be written in the background
// is tried again until there is room: nothing depends on it.
package fsm
