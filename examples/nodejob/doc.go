// Package nodejob is a controller to learn from: it keeps one batch job for every node
// that has a given key in its meta. docs/writing-a-controller.md builds it from nothing.
//
// What is wanted is said by objects of the author-defined kind node_job
// (node_job.kind.hcl): which key, and which job to make copies of. A copy is bound to its
// node and stopped when the node loses the key or goes away.
//
// The same controller runs inside a server, beside those of drover, or in a program of
// its own (cmd/nodejob) against the HTTP API.
package nodejob
