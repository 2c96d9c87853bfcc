// Package wire replays what clients of the API have recorded (test/recorded) against a
// real agent, in the order in which it was recorded, and compares every answer field by
// field: status, headers, and the body with the names, types and nesting of its fields,
// which are null and which are absent, and all values but those that can't be the same
// twice (IDs, times, indexes, figures of the machine). IDs must be used as they were
// recorded: what was one ID in two places must be one again.
//
// Where drover differs and means to, testdata/differences.txt says so, one line for each
// place, with the reason. An entry that no answer needs any more fails the test.
package wire
