// Package httpapi is the HTTP API of a server: what is under /v1.
//
// An API is an http.Handler over a store. Its table of routes (routes.go) is the
// whole of it: a path, and what answers GET, PUT or POST, and DELETE. Most routes are
// reads: a function from one snapshot of the store to an answer, with the topics that
// the answer is made of. The reads' one engine (query.go) makes them linearizable or
// stale, blocking or not, paged, filtered and compressed. Writes plan a transaction
// from a snapshot by a pure function and apply it, again if it lost a race
// (API.change). What is about files, logs and figures of a node is passed on to its
// agent (client.go).
//
//	a := httpapi.New(httpapi.Options{Store: s, Nodes: hub, Agent: agent, Log: log})
//	go a.Start(ctx)                        // as long as it serves
//	server := &http.Server{Handler: a}
//
// Errors become status codes at one place, statusOf: not found is 404, a body or ID
// that can't be read 400, a conflict 409, no leader 503. What clients know but drover
// does not do yet is 501 (unsupported.go). A panic is answered with 500 and logged.
//
// Nothing that a client does costs memory without bound: bodies have a limit and a
// time to arrive in, lists are made as they are sent, blocking queries share one
// reader of the store's feed (package watch), and a stream reads the feed no faster
// than its client reads the stream.
package httpapi
