// Package logs reads what tasks have written: the rotated files in an allocation's
// log directory, and other files that grow.
//
// The output of a task is in the files TASK.stdout.0, .1 and so on (and TASK.stderr.N);
// what writes them (package shim, for most drivers) ends a file when it is full, goes
// on with the next number and removes the oldest. A Reader makes one stream of them:
//
//	r, err := logs.Open(dir, logs.Prefix("server", logs.Stdout), logs.Options{Follow: true})
//	…
//	piece, err := r.Next(buf) // io.EOF: nothing more at present
//
// The law of a Reader that follows: what it returns, put together, is what was written
// from its start on, without loss or repeat, wherever it was rotated meanwhile, as long
// as it keeps up: files that are removed before it has come to them are gone.
//
// A Tail does the same for one file, and tells when it was truncated or deleted. Both
// only look when they are asked; to wait for news is the caller's business.
package logs
