// Package jobspec is the language that jobs are written in: from text to an
// api.Job, and all that can be said of a job without a cluster.
//
// A job goes through it in this order:
//
//	job, warnings, err := jobspec.Parse(jobspec.ParseOptions{Path: path, Body: text})
//	older := jobspec.Canonicalize(job)        // the one form that is stored
//	notes, err := jobspec.Validate(job)       // *api.InvalidError: everything that is wrong
//	jobspec.AddImplicitConstraints(job)       // what its blocks need of a node
//	diff := jobspec.Diff(stored, job)         // what would change
//
// # Parsing
//
// Parse makes a spec: what the text leaves out is nil. The language stands in
// tables (schema_*.go), one for each kind of block, that say which attribute sets
// which field of the API type; one decoder works through all of them. Adding to the
// language is adding a line to a table and to docs/jobspec.md; a test holds the two
// together. Problems are collected, not returned at the first, and each has its
// place in the text.
//
// The text may come from anybody. HCL's own parser and evaluator recurse and loop
// as the text tells them to, so three things stand before them: a limit on bytes, a
// pass over the tokens that bounds nesting and the length of chains (limits.go), and
// a budget that every evaluated expression pays from (budget.go). No goroutine and
// no clock is needed: what exceeds the budget ends right there.
//
// What a node agent resolves when a task starts, ${attr.kernel.name} say, stays in
// the job as text (runtime.go).
//
// # Forms of a job
//
// FillDefaults and Canonicalize are apart because the API shows both forms: the
// first does not depend on the cluster, the second is what is stored. Both are
// idempotent. The defaults are those that existing clients know; test/recorded has
// them as recorded.
//
// # Checking and comparing
//
// Validate refuses, besides what is wrong, what drover does not do yet: a job never
// runs with a part of it silently ignored. Diff compares by the meaning of blocks,
// not by text, and in the form that plans and version lists show.
package jobspec
