// Package table keeps the live objects of a store in memory: one typed, indexed table
// per kind, a consistent snapshot of all of them, and the feed of what changed.
//
// [Tables] is the heart of every implementation of store.Store. It has one writer (the
// goroutine that applies transactions) and any number of readers:
//
//	t := table.New(table.Options{})
//	applied, conflict := t.Apply(conditions, writes, size)  // the writer
//	snap := t.Snapshot()                                     // anyone
//	feed := t.Watch(snap.Index(), api.KindJob)               // anyone
//
// Apply is where the conditions of a transaction are judged; nobody else does that. It
// takes ownership of the objects it is given: they must be fresh (decoded for it), are
// stamped with their indexes, and are shared and immutable from then on.
//
// # Tables
//
// A table is a B-tree by key, and for each index a B-tree of values, each with a
// B-tree of the objects that have it. All of them copy on write: a snapshot shares the
// trees, and a write copies only the few nodes on its path that a snapshot still
// holds. What indexes a kind has is listed in kinds.go.
//
// Objects of the kinds that there are millions of (spec.packed) are kept in their stored
// form, and made again for whoever reads one: two reads of the same object return two
// that are equal. Only those of the latest changes are at hand, and shared, so that what
// follows a change is as cheap as it is for other kinds. See docs/decisions/0009.
//
// A kind that authors defined gets its table with its first object. Objects of a kind
// that this version does not know, written by a newer one, are kept as bytes ([Opaque])
// and take part in conditions, snapshots and feeds like others. In feeds all of these
// share a slot: a reader of one is woken for the others too, and told nothing of them.
//
// # Feeds
//
// The latest transactions are kept in a ring that is bounded in changes and in bytes;
// all but the newest in stored form, too.
// A feed is a position in it, so a waiting reader costs a few hundred bytes and a
// reader that falls behind costs nothing: it is told to resync once a change of a
// kind that it watches has left the ring. Waiting readers are woken by kind, by a
// goroutine of their own, so neither their number nor their speed delays the writer.
package table
