// Package state is what the node agent keeps on disk: the allocations that it was
// given, the job versions that these run, and the record of each one's life
// (alloc.Life), so that an agent that was killed at any moment picks up where it was.
//
// A DB is one bbolt file. Save returns when the change is on disk; changes that
// arrive together share one commit, so that a thousand tasks that start at once do
// not wait for a thousand disk flushes. A job version is kept as long as an
// allocation refers to it.
//
//	db, err := state.Open(filepath.Join(dataDir, "state.db"))
//	…
//	err = db.Save(ctx, state.Change{ID: a.ID, Alloc: a, Job: job, Life: record})
//
// Open("") gives a DB that keeps nothing: that of a simulated node.
package state
