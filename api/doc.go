// Package api holds the public types of every object that drover keeps: one Go
// type per object, used by the jobspec parser, the HTTP API, the store, the
// controllers and the node agents alike. There is no second set of internal
// structs.
//
// Every type has two forms.
//
// The JSON form (encoding/json) is the wire format of the HTTP API; names,
// nesting and nulls are those that existing clients expect. A Job has one more
// JSON form, the one that /v1/jobs/parse answers with: see SpecJSON.
//
// The msgp form (codec_gen.go, made by `make generate`) is what the store keeps,
// replicates and sends to node agents; Decode reads it. It is a map with a name for
// every field that is not zero, so that it is small and old data and mixed versions
// still read: add fields freely, never reuse a name for another meaning. Types that
// are only in requests and answers have none: list them behind `//msgp:ignore`. Fields marked `msg:"-"` are not stored: they are
// either indexes that the store itself knows (CreateIndex, ModifyIndex) or parts
// that are joined in at the HTTP edge from other objects.
//
// What an operator wants and what a node agent sees are separate objects with
// separate writers: Allocation and AllocationStatus; Job and JobStatus; Node
// (facts), NodeIntent (operators), NodeSession (the server that holds the
// connection) and NodeStatus (the node-health controller).
//
// Durations are time.Duration and are nanoseconds in JSON. CPU is MHz, memory and
// disk are MiB unless a field says otherwise. Times that are integers are Unix
// nanoseconds.
package api

//go:generate go run github.com/droverhq/drover/api/codecgen -o codec_gen.go
