// Package tally keeps the summaries of jobs at hand, so that to read one costs the same
// whether its job has ten instances or a hundred thousand.
//
// A job is counted, from a snapshot, when its summary is first asked for. From then on
// the change feed keeps the count right, until nobody has asked for a while: so what
// nobody looks at costs nothing. An allocation of a counted job takes some forty bytes.
//
//	t := tally.New(store)
//	go t.Start(ctx)
//	err := t.Add(ctx, snap.Index(), summary) // of api.NewSummary
package tally
