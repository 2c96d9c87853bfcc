// Package store is the contract of the replicated object store, and the small
// pieces that every user of it needs.
//
// A store keeps objects (package api) by key. It is changed by transactions only:
// a [Txn] lists conditions (the object at this key was last written at that index)
// and writes (puts and deletes), and is applied whole or not at all, at one index.
// The store knows nothing of what the objects mean. Times, identifiers and random
// numbers are chosen by whoever proposes a transaction.
//
// Reads come from a [Snapshot]: a consistent, unchanging view of all objects at one
// index, which costs next to nothing to take. [Get], [List], [First] and [Count] read
// it with types:
//
//	snap := s.Snapshot()
//	job, ok := store.Get[*api.Job](snap, api.JobKey("default", "shop"))
//	for alloc := range store.List[*api.Allocation](snap, store.Query{
//		Index: store.ByJob, Value: store.JobValue("default", "shop"),
//	}) {
//		…
//	}
//
// Objects are shared between all readers and must not be changed: api.Clone first. Two
// reads of the same object may return two that are equal: what counts is the ModifyIndex.
// A write says what it was based on, and fails with a [ConflictError] when that has
// been written since:
//
//	changed, err := api.Clone(job)
//	changed.Priority = new(80)
//	_, err = s.Apply(ctx, store.Txn{
//		Conditions: []store.Condition{store.Unchanged(job)},
//		Writes:     []store.Write{store.Put(changed)},
//	})
//
// A [Feed] tells what changed, transaction by transaction, without gaps. A reader that
// falls too far behind gets [ErrResync], takes a fresh snapshot and watches from its
// index; until then it may miss nothing, and afterwards it has missed nothing that the
// snapshot does not show:
//
//	snap := s.Snapshot()
//	feed := s.Watch(snap.Index(), api.KindJob)
//	defer feed.Close()
//	for {
//		changes, index, err := feed.Next(ctx)
//		…
//	}
//
// Below this package: store/raft is the replicated implementation, store/mem the one
// in memory, store/storetest the suite that both pass. They share store/table (objects
// in memory, indexes, feeds), store/keys (how keys are written as bytes) and
// store/backup (the format of a saved state). store/fsm is the state machine between
// the raft log and the disk.
package store
